"""Testbed overhead: its CPU time, and the duration of the no-op probe through the test proxies."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from testbed import clock
from testbed.errors import TestbedError
from testbed.history.counters import MONOTONIC, WALL
from testbed.history.events import Sample
from testbed.runtime import open_files
from testbed.runtime.http import KeepAliveClient
from testbed.runtime.proc import TICKS, files_used

FILES = "files"
FEW_FILES = 1024
MACHINE = "machine"  # CPU seconds of all cores, used by any process
CAPACITY = "capacity"  # CPU seconds of all cores so far, including idle time
INLET, THROUGH = "inlet_ms", "through_ms"
_IDLE = (3, 4)  # idle and iowait, in the order of /proc/stat's first line
_GUESTS = 8  # from here on: time that is part of user time
_PROBE = "/probe"


class CpuUsage:
    """CPU seconds of each testbed process, of this process ("test"), and of the whole machine."""

    def __init__(self, processes: Mapping[str, Callable[[], float]], stat: Path = Path("/proc/stat")) -> None:
        self._processes, self._stat = processes, stat

    def sample(self) -> Sample:
        """Return the CPU seconds so far."""
        values = {name: used() for name, used in self._processes.items()}
        return Sample(clock.now(), "testbed", values | {"test": time.process_time()} | self._machine())

    def of_machine(self) -> Sample:
        """Return the CPU seconds of the machine alone, which cost little to read, and both of its clocks."""
        values = self._machine()
        return Sample(clock.now(), MACHINE, values | {MONOTONIC: time.monotonic(), WALL: clock.wall()})

    def _machine(self) -> dict[str, float]:
        try:
            ticks = [int(word) for word in self._stat.read_text().splitlines()[0].split()[1:]][:_GUESTS]
        except (OSError, ValueError, IndexError):
            return {}
        idle = sum(ticks[place] for place in _IDLE)
        return {MACHINE: (sum(ticks) - idle) / TICKS, CAPACITY: sum(ticks) / TICKS}


def limit_of_files() -> list[Sample]:
    """Return the limit of open files, if it is so low that a run can reach it."""
    limit = open_files.limit()
    return [Sample(clock.now(), "open files", {"limit": float(limit)})] if 0 < limit < FEW_FILES else []


class FilesUsed:
    """The share of its file descriptors that each process of the testbed has in use. Without one it fails requests."""

    def __init__(self, pids: Mapping[str, Callable[[], int]]) -> None:
        self._pids = pids

    def sample(self) -> Sample:
        """Return the shares now, without processes that do not run."""
        shares = {}
        for name, pid in self._pids.items():
            with suppress(TestbedError):
                shares[name] = files_used(pid())
        return Sample(clock.now(), FILES, shares)


class Probe:
    """The no-op probe: a request to the inlet, direct and through a separate link.

    Both go to the control address of the inlet. The worker that serves it also serves every request. No app, no sidecar
    and no fault is involved. The scheduling delay of this process is not part of the duration.
    """

    def __init__(self, inlet: str, link: str) -> None:
        self._straight, self._through = KeepAliveClient(inlet), KeepAliveClient(link)

    def sample(self) -> Sample:
        """Send one request directly and one through the link."""
        values = {INLET: self._straight.took_ms(_PROBE), THROUGH: self._through.took_ms(_PROBE)}
        return Sample(clock.now(), "probe", values)

    def close(self) -> None:
        """Close the connections."""
        self._straight.close()
        self._through.close()
