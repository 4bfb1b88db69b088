"""The message for a process that does not become ready: the reason, and its last log lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from testbed.plan.values import Process

QUOTED = 400  # characters of each log line
SHOWN = 3  # processes whose logs are quoted
ANYWHERE = ("0.0.0.0", "127.0.0.1", "::")  # addresses that do not belong to a single replica


def quoted(tail: str) -> str:
    """Return the last lines of a log, ready to append to a message."""
    if not tail:
        return "; its log is empty"
    return "; last log lines:\n" + "\n".join(f"  | {line[:QUOTED]}" for line in tail.splitlines())


def keys_for(place: str, wanted: str) -> str:
    """Return the topology keys for a service that listens at this "ip:port" instead of the expected one."""
    (host, _, port), (_, _, usual) = place.rpartition(":"), wanted.rpartition(":")
    keys = ["binds: all"] * (host in ANYWHERE) + [f"port: {port}"] * (port != usual)
    return f"to allow this, set {', '.join(keys)}" if keys else "it must listen at the address in ADDR"


def not_ready(
    late: Mapping[str, str], within_s: float, processes: Mapping[str, Process], tail: Callable[[str], str]
) -> str:
    """Write which processes (name -> reason) were not ready in time, with the last log lines of some."""
    each = [f"  {name}: {processes[name].ready}: {reason}" for name, reason in sorted(late.items())]
    own_s = (processes[name].ready.within_s for name in late)
    text = "\n".join([f"not ready after {max(within_s if own is None else own for own in own_s):g} s:", *each])
    return text + "".join(f"\n{name}{quoted(tail(name))}" for name in sorted(late)[:SHOWN])
