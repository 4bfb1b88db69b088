"""Takes samples during a load: a few times a second at bounded cost, and once at each end of a phase."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from testbed import clock
from testbed.evidence.detours import DetourWatch
from testbed.evidence.overhead import CpuUsage, FilesUsed, Probe, limit_of_files
from testbed.evidence.source import Log
from testbed.history.events import DetourEvent, Evidence, Sample
from testbed.plan.values import Link
from testbed.runtime.http import KeepAliveClient

EVERY_S = 0.25  # between two samples of the proxies
PROBE_EVERY_S = 0.1
DETOURS_EVERY_S = 1.0  # the kernel walks all its connections
MACHINE_EVERY_S = 0.5
MOST = 0.05  # of one core at most: many proxies are sampled less often


NO_FILES = FilesUsed({})


class Monitor(Protocol):
    """Reads the statistics of a caller's proxy."""

    @property
    def paths(self) -> Sequence[str]:
        """The paths to request at its admin address."""

    def values(self, texts: Sequence[str], links: Sequence[Link]) -> dict[str, dict[str, float]]:
        """Return the values of each edge by their names, from the answers to `paths`."""

    def failed(self, texts: Sequence[str], links: Sequence[Link]) -> set[tuple[str, str]]:
        """Return edge and replica of each host that failed since the start of the proxy, from the same answers."""


class Watch:
    """Samples the counters of one caller's proxy, for each edge."""

    def __init__(self, log: Log, monitor: Monitor, is_unreachable: Callable[[str], bool]) -> None:
        assert log.admin
        self.log, self._monitor, self._is_unreachable = log, monitor, is_unreachable
        self._admin = KeepAliveClient(log.admin)
        self.asked = self.silent = 0  # at the ends of phases

    def look(self, *, boundary: bool) -> list[Sample]:
        """Return samples of its present values; none if it does not answer (it may be restarting)."""
        asked = (
            [] if self._is_unreachable(self.log.process) else [self._admin.get(path) for path in self._monitor.paths]
        )
        texts = [text for text in asked if text is not None]
        answered = len(texts) == len(self._monitor.paths)
        self.asked += boundary
        self.silent += boundary and not answered
        found = self._monitor.values(texts, self.log.links) if answered else {}
        at, life = clock.now(), self._admin.life
        return [Sample(at, self.log.process, v, edge, self._callers(edge), life) for edge, v in found.items()]

    def _callers(self, edge: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(one for link in self.log.links if link.edge == edge for one in link.callers))

    def close(self) -> None:
        """Close the connection to the proxy."""
        self._admin.close()


class Sampler:
    """Takes samples from `start` to `stop`. One other thread may call `boundary` meanwhile.

    `is_unreachable`: whether a fault has stopped a process, so that the sampler does not wait for it.
    """

    def __init__(
        self,
        logs: Sequence[Log],
        monitor: Monitor | None,
        spent: CpuUsage,
        probe: Probe,
        is_unreachable: Callable[[str], bool] = lambda process: False,
        files: FilesUsed = NO_FILES,
        detours: DetourWatch | None = None,
    ) -> None:
        self._detours = detours
        self._watches = [Watch(log, monitor, is_unreachable) for log in logs if log.admin and monitor]
        self._spent, self._probe, self._files = spent, probe, files
        self._looking, self._over = threading.Lock(), threading.Event()
        self._samples: list[Sample] = []
        self._threads = [
            threading.Thread(target=self._repeat, args=work, name="testbed-samples", daemon=True)
            for work in (
                (self._look, EVERY_S),
                (self._ask, PROBE_EVERY_S),
                (self._weigh, MACHINE_EVERY_S),
                *self._looks_for_detours(),
            )
        ]

    def start(self) -> None:
        """Start sampling."""
        self._samples += limit_of_files()
        if self._detours:
            self._detours.begin()
        for thread in self._threads:
            thread.start()

    def boundary(self) -> None:
        """Sample everything now, at the start or end of a phase."""
        self._look(boundary=True)
        self._samples += [self._spent.sample(), self._spent.of_machine()]
        if self._detours:
            self._detours.look()

    def stop(self) -> None:
        """Stop sampling; a second call does nothing."""
        self._over.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()
        for watch in self._watches:
            watch.close()
        self._probe.close()

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources that it records."""
        return ("samples",) if self._watches else ()

    @property
    def samples(self) -> Sequence[Sample]:
        """All samples so far."""
        return tuple(self._samples)

    def events(self) -> list[Sample | Evidence | DetourEvent]:
        """Return all samples in order, whether every proxy answered at both ends of every phase, and the detours."""
        found = self._detours.events() if self._detours else []
        silent = [f"{w.log.process} did not answer {w.silent} of {w.asked} times" for w in self._watches if w.silent]
        edges = {link.edge for watch in self._watches if watch.silent for link in watch.log.links}
        whole = Evidence("samples", not silent, "; ".join(silent), tuple(sorted(edges)))
        return [*sorted(self._samples, key=lambda sample: sample.at), *([whole] if self._watches else []), *found]

    def _looks_for_detours(self) -> list[tuple[Callable[[], None], float]]:
        return [(self._detours.look, DETOURS_EVERY_S)] if self._detours else []

    def _look(self, *, boundary: bool = False) -> None:
        with self._looking:
            for watch in self._watches:
                self._samples.extend(watch.look(boundary=boundary))

    def _ask(self) -> None:
        self._samples.append(self._probe.sample())

    def _weigh(self) -> None:
        self._samples += [self._spent.of_machine(), self._files.sample()]

    def _repeat(self, work: Callable[[], None], every_s: float) -> None:
        while True:
            begun = time.thread_time()
            work()
            if self._over.wait(max(every_s, (time.thread_time() - begun) / MOST)):
                return
