"""The faults: one file a fault, one line here. Third parties add theirs by the entry point group `testbed.faults`."""

from __future__ import annotations

from faults.abort import abort
from faults.bandwidth import bandwidth
from faults.base import Fault
from faults.corrupt import corrupt
from faults.cpu import cpu
from faults.crash_loop import crash_loop
from faults.delay import delay
from faults.duplicate import duplicate
from faults.flapping import flapping
from faults.graceful_restart import graceful_restart
from faults.hang import hang
from faults.kill import kill, restart
from faults.latency import latency
from faults.memory import memory
from faults.outage import outage
from faults.packet_delay import packet_delay
from faults.packet_loss import packet_loss
from faults.partition import partition
from faults.pause import pause
from faults.refused import refused
from faults.reorder import reorder
from faults.reset import reset
from faults.rolling import rolling
from faults.silent import silent
from faults.sliced import sliced
from faults.slow_close import slow_close
from faults.slow_start import slow_start
from faults.throttle import throttle
from faults.truncated import truncated
from faults.unreachable import unreachable
from testbed.errors import FaultError, nearest

FAULTS: dict[str, type[Fault]] = {
    fault.__name__: fault
    for fault in (
        abort,
        bandwidth,
        corrupt,
        cpu,
        crash_loop,
        delay,
        duplicate,
        flapping,
        graceful_restart,
        hang,
        kill,
        latency,
        memory,
        outage,
        packet_delay,
        packet_loss,
        partition,
        pause,
        refused,
        reorder,
        reset,
        restart,
        rolling,
        silent,
        sliced,
        slow_close,
        slow_start,
        throttle,
        truncated,
        unreachable,
    )
}

__all__ = [
    "FAULTS",
    "Fault",
    "abort",
    "bandwidth",
    "corrupt",
    "cpu",
    "crash_loop",
    "delay",
    "duplicate",
    "flapping",
    "graceful_restart",
    "hang",
    "kill",
    "latency",
    "memory",
    "named",
    "outage",
    "packet_delay",
    "packet_loss",
    "partition",
    "pause",
    "refused",
    "reorder",
    "reset",
    "restart",
    "rolling",
    "silent",
    "sliced",
    "slow_close",
    "slow_start",
    "throttle",
    "truncated",
    "unreachable",
]


def named(name: str) -> type[Fault]:
    """Return the fault of that name, our own or an installed third party's; `FaultError` if there is none."""
    if name in FAULTS:
        return FAULTS[name]
    from importlib.metadata import entry_points

    others = entry_points(group="testbed.faults")
    if name not in others.names:
        raise FaultError(f"there is no fault {name!r}{nearest(name, {*FAULTS, *others.names})}")
    found: type[Fault] = others[name].load()
    return found
