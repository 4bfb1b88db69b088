"""The faults: one file a fault, one line here. Third parties add theirs by the entry point group `testbed.faults`."""

from __future__ import annotations

from faults.abort import abort as abort
from faults.bandwidth import bandwidth as bandwidth
from faults.base import Fault as Fault
from faults.corrupt import corrupt as corrupt
from faults.cpu import cpu as cpu
from faults.crash_loop import crash_loop as crash_loop
from faults.delay import delay as delay
from faults.duplicate import duplicate as duplicate
from faults.flapping import flapping as flapping
from faults.graceful_restart import graceful_restart as graceful_restart
from faults.hang import hang as hang
from faults.kill import kill as kill
from faults.kill import restart as restart
from faults.latency import latency as latency
from faults.lost import lost as lost
from faults.memory import memory as memory
from faults.outage import outage as outage
from faults.packet_delay import packet_delay as packet_delay
from faults.packet_loss import packet_loss as packet_loss
from faults.partition import partition as partition
from faults.pause import pause as pause
from faults.refused import refused as refused
from faults.reorder import reorder as reorder
from faults.reset import reset as reset
from faults.rolling import rolling as rolling
from faults.silent import silent as silent
from faults.sliced import sliced as sliced
from faults.slow_close import slow_close as slow_close
from faults.slow_start import slow_start as slow_start
from faults.throttle import throttle as throttle
from faults.truncated import truncated as truncated
from faults.unreachable import unreachable as unreachable
from testbed.errors import FaultError, nearest

FAULTS: dict[str, type[Fault]] = {
    name: value
    for name, value in list(globals().items())
    if isinstance(value, type) and issubclass(value, Fault) and value is not Fault
}


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
