"""Limits of a container as the daemon takes them, and whether it can set them at all. Pure."""

from __future__ import annotations

from collections.abc import Mapping

LIMITS = {"cpu": ("CpuCfsQuota", "processor time"), "memory": ("MemoryLimit", "memory")}  # as its `info` says
NO_LIMIT = -1
PLENTY = 1 << 50  # bytes: the daemon takes no -1 for these
PERIOD_US, TURN_US = 20_000, 2_000  # one turn a period, but none shorter than this: as on processes
LEAST_US, LONGEST_US = 1_000, 1_000_000  # the kernel's shortest quota and longest period
NONE = {"cpu_quota": NO_LIMIT, "mem_limit": PLENTY, "memswap_limit": NO_LIMIT}


def processor(share: float) -> dict[str, int]:
    """Return the limit to a share of one processor: a quota of turns, neither too short nor too far apart."""
    period = min(LONGEST_US, max(PERIOD_US, round(TURN_US / share)))
    return {"cpu_period": period, "cpu_quota": max(LEAST_US, round(period * share))}


def memory(mb: int) -> dict[str, int]:
    """Return the limit to so much memory, swap included."""
    return {"mem_limit": mb * 1024 * 1024, "memswap_limit": mb * 1024 * 1024}


def refuse_to_limit(info: Mapping[str, object], action: str) -> str:
    """Why the daemon cannot limit the "cpu" or "memory" of a container, "" if it can; every other action it can."""
    key, what = LIMITS.get(action, ("", ""))
    refused = bool(key) and not info.get(key)
    return f"the Docker daemon says that it cannot limit the {what} of a container here" if refused else ""
