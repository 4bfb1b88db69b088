"""The faults: one file and one line here for each. Packages add faults by the entry point group `testbed.faults`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testbed.faults.abort import abort as abort
from testbed.faults.bandwidth import bandwidth as bandwidth
from testbed.faults.base import Fault as Fault
from testbed.faults.connection_refused import connection_refused as connection_refused
from testbed.faults.connection_reset import connection_reset as connection_reset
from testbed.faults.cpu_limit import cpu_limit as cpu_limit
from testbed.faults.crash_loop import crash_loop as crash_loop
from testbed.faults.delay import delay as delay
from testbed.faults.flapping import flapping as flapping
from testbed.faults.graceful_restart import graceful_restart as graceful_restart
from testbed.faults.hang import hang as hang
from testbed.faults.kill import kill as kill
from testbed.faults.kill import restart as restart
from testbed.faults.latency import latency as latency
from testbed.faults.limit_data import limit_data as limit_data
from testbed.faults.memory_limit import memory_limit as memory_limit
from testbed.faults.node_failure import node_failure as node_failure
from testbed.faults.outage import outage as outage
from testbed.faults.packet_corrupt import packet_corrupt as packet_corrupt
from testbed.faults.packet_delay import packet_delay as packet_delay
from testbed.faults.packet_duplicate import packet_duplicate as packet_duplicate
from testbed.faults.packet_loss import packet_loss as packet_loss
from testbed.faults.packet_reorder import packet_reorder as packet_reorder
from testbed.faults.partition import partition as partition
from testbed.faults.pause import pause as pause
from testbed.faults.rolling import rolling as rolling
from testbed.faults.slicer import slicer as slicer
from testbed.faults.slow_close import slow_close as slow_close
from testbed.faults.slow_start import slow_start as slow_start
from testbed.faults.stall import stall as stall
from testbed.faults.throttle import throttle as throttle
from testbed.faults.unreachable import unreachable as unreachable
from testbed.renamed import FAULTS as OLD_NAMES
from testbed.renamed import by_old_name

FAULTS: dict[str, type[Fault]] = {
    name: value
    for name, value in list(globals().items())
    if isinstance(value, type) and issubclass(value, Fault) and value is not Fault
}

if not TYPE_CHECKING:  # to a type checker an old name is unknown

    def __getattr__(name: str) -> object:
        """Offer a fault by its old name, with a warning."""
        return by_old_name(__name__, OLD_NAMES, name)
