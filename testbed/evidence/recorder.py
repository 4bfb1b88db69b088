"""Reads all logs of a run until they are complete: as many lines as the proxies counted, nothing in flight."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from testbed.evidence.access_log import TrafficEvent
from testbed.evidence.reader import STEP_S, LogReader
from testbed.evidence.source import Log
from testbed.history.events import Attempt, Call, Evidence
from testbed.plan.values import FLUSH_MS, UNDER_WAY_MS

UNSEEN = "calls of a custom service are recorded only by its proxy, and this mesh has none"
PATIENCE_S = 3.0  # to wait for the last answers and the last lines
PART = 1 << 16  # bytes of a log, some 150 lines: read in about 3 ms


class Recorder:
    """Collects the evidence of one running mesh, one load after the other."""

    def __init__(
        self,
        logs: Iterable[Log],
        directory: Path,
        unseen: Sequence[str] = (),
        patience_s: float = PATIENCE_S,
        *,
        queries: bool = False,
    ) -> None:
        """`directory` is the run's folder; `unseen` are the edges without a record of attempts.

        `queries`: the values of query strings are kept.
        """
        self._patience_s, self._unseen = patience_s, tuple(unseen)
        self._readers = {log.process: LogReader(log, directory, queries=queries) for log in logs}

    def begin(self) -> None:
        """Forget everything logged so far."""
        self._settle()
        for reader in self._readers.values():
            reader.forget()

    def restarted(self, processes: Sequence[str]) -> None:
        """Handle a restart of these processes: their counters begin at zero."""
        for name in processes:
            if reader := self.reader(name):
                reader.restarted()

    def reader(self, process: str) -> LogReader | None:
        """Return the reader of the log of a proxy, or of an app without a proxy; None for any other process."""
        return self._readers.get(process)

    def is_unreachable(self, process: str) -> bool:
        """Whether a proxy cannot give its counters now, because it is killed or paused."""
        reader = self.reader(process)
        return reader is not None and reader.log.admin is not None and not reader.writer.tells_counters

    @contextmanager
    def renewing(self, processes: Sequence[str]) -> Iterator[None]:
        """Keep the evidence of these processes while they are restarted in this block."""
        self._settle(self._patience_s)
        try:
            yield
        finally:
            for name in processes:
                self._readers[name].restarted_under_load()

    def collect(self, *, in_flight: bool = False) -> list[TrafficEvent | Evidence]:
        """Wait (bounded) until the logs are complete, and return their events, and last their completeness.

        `in_flight`: the load still waits for answers, so this does not wait for them.
        Raises `TestbedError` if a proxy does not answer.
        """
        self._settle(0.0 if in_flight else self._patience_s)
        self._account()
        for reader in self._readers.values():
            reader.catch_up(min(1.0, self._patience_s))
        return [*self._everything(), *self._verdicts()]

    def read_in_parts(self, edges: Collection[str]) -> Iterator[Sequence[TrafficEvent]]:
        """Yield the events of these edges and others so far, part by part; the caller may stop at any time."""
        for reader in self._readers.values():
            if any(link.edge in edges for link in reader.log.links):
                if known := reader.everything():
                    yield known
                while (part := reader.read_on(PART)) is not None:
                    yield part

    def so_far(self) -> list[TrafficEvent]:
        """Wait until the writers have flushed, and return everything logged, complete or not."""
        time.sleep(2 * FLUSH_MS / 1000)
        for reader in self._readers.values():
            reader.read_on()
        return self._everything()

    def _everything(self) -> list[TrafficEvent]:
        return joined([event for reader in self._readers.values() for event in reader.everything()])

    def _settle(self, patience_s: float = 1.0) -> None:
        """Read until every log is complete twice in a row (an app may be between two calls), at least for one flush."""
        deadline = time.monotonic() + max(patience_s, 3 * FLUSH_MS / 1000)
        quiet = 0
        while quiet < 2 and time.monotonic() < deadline:
            time.sleep(STEP_S)
            whole = [reader.is_whole() for reader in self._readers.values()]
            quiet = quiet + 1 if all(whole) else 0

    def _account(self) -> None:
        """Wait until each request that is under way has a line, at most for two intervals of such lines."""
        deadline = time.monotonic() + 2 * UNDER_WAY_MS / 1000
        while not all(reader.is_accounted_for() for reader in self._readers.values()):
            if time.monotonic() > deadline:
                return
            time.sleep(STEP_S)

    def _verdicts(self) -> Iterator[Evidence]:
        for source in ("attempts", "calls", "arrivals"):
            readers = [reader for reader in self._readers.values() if reader.log.tells(source)]
            missing = [(reader, text) for reader in readers if (text := reader.missing())]
            edges = sorted({link.edge for reader, _ in missing for link in reader.log.links})
            if readers:
                yield Evidence(source, not missing, "; ".join(text for _, text in missing), tuple(edges))
            if source == "attempts":
                yield from _unconnected(readers)
            if source != "arrivals" and self._unseen:
                callers = sorted({edge.partition(" -> ")[0] for edge in self._unseen})
                yield Evidence(source, False, f"{', '.join(callers)}: {UNSEEN}", self._unseen)
            for reader in readers:
                yield from _gaps(reader, source)


def joined(events: Sequence[TrafficEvent]) -> list[TrafficEvent]:
    """Give attempts without a request id that of their call: a proxy knows more of a call than of an attempt."""
    ids = {one.call: one.request for one in events if isinstance(one, Call) and one.request}
    return [
        replace(one, request=ids[one.call]) if isinstance(one, Attempt) and not one.request and one.call in ids else one
        for one in events
    ]


def _unconnected(readers: Iterable[LogReader]) -> Iterator[Evidence]:
    """Yield missing connections, which concern only tcp edges."""
    for reader in readers:
        if text := reader.unconnected():
            edges = sorted({link.edge for link in reader.log.links if link.protocol == "tcp"})
            yield Evidence("attempts", False, text, tuple(edges))


def _gaps(reader: LogReader, source: str) -> Iterator[Evidence]:
    edges = tuple(sorted({link.edge for link in reader.log.links}))
    for gap in reader.writer.gaps(source):
        yield Evidence(source, False, gap.why, edges, gap.start, gap.end)
