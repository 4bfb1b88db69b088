"""How much time the testbed itself can have added to a request: from the no-op probe, and from a load that was late.

The probe goes through the same processes as every request, but through no app, no sidecar and no fault. What delays it
delays requests as well. It is only sent a few times a second, so a probe also speaks for the time around it.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from statistics import median

from testbed.history.events import Request, Sample
from testbed.history.index import Index, remembered

UNANSWERED_MS = 1000.0  # the probe gives up after this
AROUND_S = 0.15  # a probe speaks for this much time before and after itself
SILENCE_S = 1.0  # without a probe for so long, the test process itself was stopped
STOPPED_S = 2.0  # without a sample of one proxy for so long, it stood still ...
OFTEN = 4  # ... and for so many times the usual gap: many proxies are sampled less often
FULL = 0.95  # of the file descriptors of a process
FILES_EVERY_S = 0.6  # between two samples of them, at least
CORES_FULL = 0.99  # of all cores: no idle time beyond the resolution of the kernel's counters
BUSY_S = 1.0  # all cores busy for less is usual on any machine
LATE_MS = 25.0  # a request that is sent later than this shows that the machine was late


@dataclass(frozen=True, slots=True)
class Slowness:
    """A period in which the testbed can have added up to `most_ms` to whatever was under way."""

    start: float
    end: float
    most_ms: float


@dataclass(frozen=True)
class Periods:
    """Periods of slowness, in order of their start."""

    all: Sequence[Slowness] = ()

    def between(self, start: float, end: float) -> Iterator[Slowness]:
        """Yield the periods that are near these moments."""
        first = bisect_left(self._starts, start - AROUND_S - self._longest_s)
        last = bisect_right(self._starts, end + AROUND_S)
        return (one for one in self.all[first:last] if one.end >= start - AROUND_S)

    def added_ms(self, start: float, end: float) -> float:
        """Return the most that can have been added to one passage between these moments."""
        return max((_share(one, start, end) for one in self.between(start, end)), default=0.0)

    @cached_property
    def _starts(self) -> Sequence[float]:
        return [one.start for one in self.all]

    @cached_property
    def _longest_s(self) -> float:
        return max((one.end - one.start for one in self.all), default=0.0)


@dataclass(frozen=True)
class Plane:
    """What is known about the slowness of the testbed in one run; nothing if nobody measured."""

    probed: Periods = Periods()  # by the no-op probe
    late: Periods = Periods()  # the load was late
    stopped: Periods = Periods()  # the proxy of a caller did not answer the sampler
    full: Periods = Periods()  # a proxy had no file descriptors left
    busy: Periods = Periods()  # all cores were busy in every sample, so services lacked CPU time

    def held_up_ms(self, start: float, end: float) -> float:
        """Return how long the testbed can have held up what was under way, by any sign."""
        return max(self.slowed_ms(start, end), self.late.added_ms(start, end))

    def slowed_ms(self, start: float, end: float) -> float:
        """Return the most that a process of the testbed can have added to one passage between these moments."""
        return max(self.probed.added_ms(start, end), self.stopped.added_ms(start, end))


@remembered
def plane_of(index: Index) -> Plane:
    """Return what is known about the slowness of the testbed in a run."""
    probes = [_probed(sample) for sample in index.samples if sample.source == "probe"]
    probes.sort(key=_start)
    probed = sorted([*_joined(probes), *_silences(probes)], key=_start)
    full = sorted(_without_files(index.samples), key=_start)
    late = sorted(_lateness(index.requests), key=_start)
    stopped = sorted(_stopped(index), key=_start)
    return Plane(Periods(probed), Periods(late), Periods(stopped), Periods(full), Periods(list(_busy(index.samples))))


def _start(one: Slowness) -> float:
    return one.start


def _share(one: Slowness, start: float, end: float) -> float:
    together_s = min(one.end, end) - max(one.start, start) + 2 * AROUND_S
    return min(one.most_ms, together_s * 1000)


def _probed(sample: Sample) -> Slowness:
    """Return the period of one probe, which asks one way after the other."""
    return Slowness(sample.at - sum(sample.values.values()) / 1000, sample.at, max(sample.values.values()))


def _joined(probes: Iterable[Slowness]) -> Iterator[Slowness]:
    """Yield every probe; one without an answer and those that follow it are one long period, up to a quick answer."""
    stall: Slowness | None = None
    for probe in probes:
        follows = stall is not None and probe.start - stall.end <= 2 * AROUND_S
        if stall is not None and follows and probe.most_ms > AROUND_S * 1000:
            stall = Slowness(stall.start, probe.end, (probe.end - stall.start) * 1000)
            continue
        yield from (stall,) if stall else ()
        stall = probe if probe.most_ms >= UNANSWERED_MS else None
        yield from () if stall else (probe,)
    yield from (stall,) if stall else ()


def _silences(probes: Sequence[Slowness]) -> Iterator[Slowness]:
    for before, after in pairwise(probes):
        if (gap_s := after.start - before.end) > SILENCE_S:
            yield Slowness(before.end, after.start, gap_s * 1000)


def _stopped(index: Index) -> Iterator[Slowness]:
    """Yield the periods without a sample of a caller's proxy that no fault of a process, and no restart, explains."""
    for samples in _by_proxy(index.samples).values():
        gaps = [after.at - before.at for before, after in pairwise(samples)]
        least_s = max(STOPPED_S, OFTEN * median(gaps)) if gaps else 0.0
        for before, after in pairwise(samples):
            gap_s = after.at - before.at
            if gap_s > least_s and before.life == after.life and not _is_ours_to_break(index, before.at, after.at):
                yield Slowness(before.at, after.at, gap_s * 1000)


def _by_proxy(samples: Iterable[Sample]) -> dict[str, list[Sample]]:
    """Return one sample of each look at a proxy, in order; a look gives one for each edge."""
    found: dict[str, dict[float, Sample]] = defaultdict(dict)
    for sample in sorted((one for one in samples if one.edge), key=lambda one: one.at):
        found[sample.source][sample.at] = sample
    return {source: list(looks.values()) for source, looks in found.items()}


def _is_ours_to_break(index: Index, start: float, end: float) -> bool:
    """Whether a fault of a process was in force, which can be what stops a proxy."""
    faults = (fault for fault in index.faults if fault.plane in ("process", "packets"))
    return any(f.start - f.rising_s < end and f.end + f.healing_s > start for f in faults)


def _without_files(samples: Iterable[Sample]) -> Iterator[Slowness]:
    for sample in samples:
        if sample.source == "files" and max(sample.values.values(), default=0.0) >= FULL:
            yield Slowness(sample.at - FILES_EVERY_S, sample.at + FILES_EVERY_S, math.inf)


def cpu_times(samples: Iterable[Sample]) -> list[Sample]:
    """Return the samples of the CPU time of all cores, in order."""
    told = [s for s in samples if s.source in ("machine", "testbed") and "capacity" in s.values]
    return sorted(told, key=lambda sample: sample.at)


def all_cores_busy(before: Sample, after: Sample) -> bool:
    """Whether no core was idle between two samples of the CPU time."""
    used, there = (after.values[name] - before.values[name] for name in ("machine", "capacity"))
    return used >= CORES_FULL * there


def _busy(samples: Iterable[Sample]) -> Iterator[Slowness]:
    """Yield the periods of samples without an idle core, in order."""
    start: float | None = None
    end = 0.0
    for before, after in pairwise(cpu_times(samples)):
        if all_cores_busy(before, after):
            start, end = before.at if start is None else start, after.at
            continue
        if start is not None and end - start >= BUSY_S:
            yield Slowness(start, end, math.inf)
        start = None
    if start is not None and end - start >= BUSY_S:
        yield Slowness(start, end, math.inf)


def _lateness(requests: Iterable[Request]) -> Iterator[Slowness]:
    for request in requests:
        if (late_ms := (request.sent - request.intended) * 1000) > LATE_MS:
            yield Slowness(request.intended, request.sent, late_ms)
