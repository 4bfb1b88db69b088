"""Limits of a container in the units of the daemon, and whether the daemon supports them. Pure."""

from __future__ import annotations

from collections.abc import Mapping

LIMITS = {"cpu": ("CpuCfsQuota", "CPU time"), "memory": ("MemoryLimit", "memory")}  # names in the daemon's `info`
NO_LIMIT = -1
PLENTY = 1 << 50  # bytes: the daemon does not accept -1 here
PERIOD_US, TURN_US = 20_000, 2_000  # one turn per period, at least this long: as for processes
LEAST_US, LONGEST_US = 1_000, 1_000_000  # the shortest quota and the longest period of the kernel
NONE = {"cpu_quota": NO_LIMIT, "mem_limit": PLENTY, "memswap_limit": NO_LIMIT}


def processor(share: float) -> dict[str, int]:
    """Return the limit for a share of one CPU: a quota with turns that are not too short or too rare."""
    period = min(LONGEST_US, max(PERIOD_US, round(TURN_US / share)))
    return {"cpu_period": period, "cpu_quota": max(LEAST_US, round(period * share))}


def memory(mb: int) -> dict[str, int]:
    """Return the memory limit, including swap."""
    return {"mem_limit": mb * 1024 * 1024, "memswap_limit": mb * 1024 * 1024}


def refuse_to_limit(info: Mapping[str, object], action: str) -> str:
    """Return why the daemon cannot limit "cpu" or "memory" of a container, "" if it can. Other actions are possible."""
    key, what = LIMITS.get(action, ("", ""))
    refused = bool(key) and not info.get(key)
    return f"the Docker daemon reports that it cannot limit the {what} of a container here" if refused else ""
