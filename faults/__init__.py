"""The faults: one file and one line here for each. Packages add faults by the entry point group `testbed.faults`."""

from __future__ import annotations

from testbed.faults.abort import abort as abort
from testbed.faults.bandwidth import bandwidth as bandwidth
from testbed.faults.base import Fault as Fault
from testbed.faults.corrupt import corrupt as corrupt
from testbed.faults.cpu import cpu as cpu
from testbed.faults.crash_loop import crash_loop as crash_loop
from testbed.faults.delay import delay as delay
from testbed.faults.duplicate import duplicate as duplicate
from testbed.faults.flapping import flapping as flapping
from testbed.faults.graceful_restart import graceful_restart as graceful_restart
from testbed.faults.hang import hang as hang
from testbed.faults.kill import kill as kill
from testbed.faults.kill import restart as restart
from testbed.faults.latency import latency as latency
from testbed.faults.lost import lost as lost
from testbed.faults.memory import memory as memory
from testbed.faults.outage import outage as outage
from testbed.faults.packet_delay import packet_delay as packet_delay
from testbed.faults.packet_loss import packet_loss as packet_loss
from testbed.faults.partition import partition as partition
from testbed.faults.pause import pause as pause
from testbed.faults.refused import refused as refused
from testbed.faults.reorder import reorder as reorder
from testbed.faults.reset import reset as reset
from testbed.faults.rolling import rolling as rolling
from testbed.faults.silent import silent as silent
from testbed.faults.sliced import sliced as sliced
from testbed.faults.slow_close import slow_close as slow_close
from testbed.faults.slow_start import slow_start as slow_start
from testbed.faults.throttle import throttle as throttle
from testbed.faults.truncated import truncated as truncated
from testbed.faults.unreachable import unreachable as unreachable

FAULTS: dict[str, type[Fault]] = {
    name: value
    for name, value in list(globals().items())
    if isinstance(value, type) and issubclass(value, Fault) and value is not Fault
}
