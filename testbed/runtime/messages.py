"""What a runtime says of a process that does not come up: why, and its last lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from testbed.plan.values import Process

QUOTED = 400  # characters of each log line
SHOWN = 3  # processes whose logs are quoted
ANYWHERE = ("0.0.0.0", "127.0.0.1", "::")  # no replica has one of these for itself


def quoted(tail: str) -> str:
    """Return the last lines of a log, ready to append to a message."""
    if not tail:
        return "; its log is empty"
    return "; its last lines:\n" + "\n".join(f"  | {line[:QUOTED]}" for line in tail.splitlines())


def keys_for(place: str, wanted: str) -> str:
    """Return what a topology says of a service that listens at this "ip:port", not at the one that was wanted."""
    (host, _, port), (_, _, usual) = place.rpartition(":"), wanted.rpartition(":")
    keys = ["binds: all"] * (host in ANYWHERE) + [f"port: {port}"] * (port != usual)
    return f"if it is meant to: {', '.join(keys)}" if keys else "ADDR says where"


def not_ready(
    late: Mapping[str, str], within_s: float, processes: Mapping[str, Process], tail: Callable[[str], str]
) -> str:
    """Say which processes (name -> reason) were not ready in time, with the last lines of some."""
    each = [f"  {name}: {processes[name].ready}: {reason}" for name, reason in sorted(late.items())]
    own_s = (processes[name].ready.within_s for name in late)
    text = "\n".join([f"not ready after {max(within_s if own is None else own for own in own_s):g} s:", *each])
    return text + "".join(f"\n{name}{quoted(tail(name))}" for name in sorted(late)[:SHOWN])
