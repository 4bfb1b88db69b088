"""The testbed's own load: the processor time that it takes, and how long the way through its own plane takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from testbed.envoy.connection import KeepAliveClient
from testbed.history.events import Sample
from testbed.runtime.proc import TICKS

MACHINE = "machine"  # processor seconds of all cores, by anybody
CAPACITY = "capacity"  # processor seconds that all cores have had so far, idle ones included
INLET, THROUGH = "inlet_ms", "through_ms"
_IDLE = (3, 4)  # idle and iowait, in the order of /proc/stat's first line
_GUESTS = 8  # from here on: time that is counted as user time already
_PROBE = "/probe"


class CpuUsage:
    """Processor seconds: of each process of the testbed, of this one ("test"), and of the whole machine."""

    def __init__(self, processes: Mapping[str, Callable[[], float]], stat: Path = Path("/proc/stat")) -> None:
        self._processes, self._stat = processes, stat

    def sample(self) -> Sample:
        """Return what has been used so far."""
        values = {name: used() for name, used in self._processes.items()}
        return Sample(time.time(), "testbed", values | {"test": time.process_time()} | self._machine())

    def _machine(self) -> dict[str, float]:
        try:
            ticks = [int(word) for word in self._stat.read_text().splitlines()[0].split()[1:]][:_GUESTS]
        except (OSError, ValueError, IndexError):
            return {}
        idle = sum(ticks[place] for place in _IDLE)
        return {MACHINE: (sum(ticks) - idle) / TICKS, CAPACITY: sum(ticks) / TICKS}


class Probe:
    """Asks the inlet for nothing, straight and through a link of our own: what an empty way takes.

    Both go to the inlet's control address, which is served by the same worker as every request; no app, no sidecar and
    no fault is on the way. How late this process itself wakes up is not part of it.
    """

    def __init__(self, inlet: str, link: str) -> None:
        self._straight, self._through = KeepAliveClient(inlet), KeepAliveClient(link)

    def sample(self) -> Sample:
        """Ask once each way."""
        values = {INLET: self._straight.took_ms(_PROBE), THROUGH: self._through.took_ms(_PROBE)}
        return Sample(time.time(), "probe", values)

    def close(self) -> None:
        """Let go of the connections."""
        self._straight.close()
        self._through.close()
