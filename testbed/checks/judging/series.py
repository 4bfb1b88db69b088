"""The readings of a probe in a window, what is missing there, and what every check of a probe shares."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from testbed.checks.judging.base import Check, Verdict
from testbed.checks.judging.findings import Finding, combine
from testbed.checks.judging.formatting import plural, seconds, tally, trim
from testbed.checks.judging.view import View
from testbed.errors import CheckError, nearest
from testbed.history.events import ProbeEvent, ProbeReading
from testbed.history.index import Index

GAP_PERIODS = 3  # with so many readings missing in a row, the series has a gap
GAP_S = 1.0  # at least, besides one period: a thread of a busy machine is late by some of this
MOST_TEXTS = 3  # that a verdict shows
OUTSIDE = ""  # the place of a probe that is at no replica


@dataclass(frozen=True)
class Series:
    """The readings of one probe at one place that began and ended in a period; failed ones that began in it."""

    probe: ProbeEvent
    place: str
    start: float
    end: float
    readings: Sequence[ProbeReading]

    @property
    def title(self) -> str:
        """Its name, with its place if there are several."""
        return f"{self.probe.name} of {self.place}" if len(self.probe.places) > 1 else self.probe.name

    @property
    def good(self) -> Sequence[ProbeReading]:
        """The readings with a value."""
        return [reading for reading in self.readings if not reading.error]

    @property
    def failed(self) -> Sequence[ProbeReading]:
        """The readings without a value."""
        return [reading for reading in self.readings if reading.error]

    def missing(self) -> str:
        """Return why the series is not whole, "" if it is: no reading, failed ones, or a gap."""
        every = self._every
        if not self.readings:
            return f"{self.title} was not read in these {seconds(self.end - self.start)} ({every})"
        if self.failed:
            reasons = tally([reading.error for reading in self.failed])
            return f"{len(self.failed)} of {plural(len(self.readings), 'reading')} of {self.title} failed: {reasons}"
        times = [self.start, *(reading.at for reading in self.readings), self.end]
        return self._gap(max(later - earlier for earlier, later in pairwise(times)))

    def missing_at(self, *ends: int) -> str:
        """Return why the first (0) or the last (-1) reading does not show the value there, "" if it does."""
        if not self.readings:
            return self.missing()
        edges = {0: ("first", self.readings[0].at - self.start), -1: ("last", self.end - self.readings[-1].at)}
        failed = [
            f"the {edges[end][0]} reading of {self.title} failed: {e}" for end in ends if (e := self.error_at(end))
        ]
        return next((why for why in (*failed, *(self._gap(edges[end][1]) for end in ends)) if why), "")

    def error_at(self, end: int) -> str:
        """Return why the first (0) or the last (-1) reading has no value, "" if it has one."""
        return self.readings[end].error

    def _gap(self, lasted: float) -> str:
        limit = max(GAP_PERIODS * self.probe.every_ms / 1000, self.probe.every_ms / 1000 + GAP_S)
        return f"{self.title} was not read for {seconds(lasted)} ({self._every})" if lasted > limit else ""

    @property
    def _every(self) -> str:
        return f"every_ms={self.probe.every_ms:g}"

    def when(self, reading: ProbeReading) -> str:
        """Return when a reading began: `1.2 s after the start`."""
        return f"{seconds(reading.at - self.start)} after the start"


def said(reading: ProbeReading, unit: str = "") -> str:
    """Return the value of a reading: `4 connections`, `'closed'`, or `failed`."""
    if reading.error:
        return "failed"
    return figure(reading.value, unit) if reading.value is not None else repr(reading.text)


def span(readings: Sequence[ProbeReading], unit: str = "") -> str:
    """Return the least and the greatest number, and each text: `0 to 4 connections`, `'closed', failed`."""
    numbers = [reading.value for reading in readings if reading.value is not None]
    low, high = (figure(min(numbers)), figure(max(numbers))) if numbers else ("", "")
    ends = " to ".join(dict.fromkeys(filter(None, (low, high))))
    texts = dict.fromkeys(said(reading) for reading in readings if reading.value is None)
    return ", ".join(filter(None, (f"{ends} {unit}".strip() if ends else "", *list(texts)[:MOST_TEXTS])))


def figure(value: float, unit: str = "") -> str:
    """Return a number with its unit: `1,204 rows`, `0.25`."""
    number = f"{value:,.0f}" if value == int(value) else trim(f"{value:,.6f}") if abs(value) >= 1e-4 else f"{value:.3g}"
    return f"{number} {unit}".strip()


def series_in(index: Index, name: str, start: float, end: float) -> Iterator[Series]:
    """Yield the series of each place of a probe. A value is known to be of the period only if it was read in it."""
    probe = index.probes[name]
    for place in probe.places or (OUTSIDE,):
        mine = (one for one in index.readings if one.probe == name and one.place == place and start <= one.at < end)
        yield Series(probe, place, start, end, sorted((o for o in mine if o.error or o.end <= end), key=_at))


def whole_run(index: Index, name: str) -> Iterator[Series]:
    """Yield the series of each place of a probe over the whole run, from before the load to after it."""
    times = [time for one in index.readings if one.probe == name for time in (one.at, one.end)] or [0.0]
    yield from series_in(index, name, min(times), max(times) + 1e-6)


def _at(reading: ProbeReading) -> float:
    return reading.at


def summary(series: Series) -> str:
    """Return `pool_idle (connections): first 5, 0 to 5, last 4; 40 readings, 2 failed`."""
    good, unit = series.good, f" ({series.probe.unit})" if series.probe.unit else ""
    told = f"{plural(len(series.readings), 'reading')}{f', {len(series.failed)} failed' if series.failed else ''}"
    if not good:
        return f"{series.title}{unit}: no value; {told}"
    return f"{series.title}{unit}: first {said(good[0])}, {span(good)}, last {said(good[-1])}; {told}"


def by_phase(index: Index, series: Series) -> str:
    """Return the values of a series in each phase, for a red verdict: `baseline 5, hold 0 to 4`."""
    parts = []
    for phase in index.phases:
        for one in series_in(index, series.probe.name, phase.start, phase.end):
            if one.place == series.place and one.readings:
                parts.append(f"{phase.name} {span(one.readings)}")
    return f"{series.title}: {'; '.join(parts)}"


@dataclass(frozen=True)
class ProbeCheck(Check):
    """A check of a probe, by its name in `probes=`."""

    probed: str

    takes_part: ClassVar[bool] = False

    def fits(self, index: Index) -> None:
        """Raise `CheckError` if the run has no such probe."""
        if self.probed not in index.probes:
            hint = nearest(str(self.probed), index.probes) or ': shop.experiment(..., probes={"name": http_probe(...)})'
            raise CheckError(f"{self}: this run has no probe {self.probed!r}{hint}")

    def needs(self, view: View) -> tuple[str, ...]:
        """Return nothing: the check itself looks for what is missing in the series."""
        return ()

    def topic(self) -> Hashable:
        """Return name and probe."""
        return (self.name, self.probed)

    @abstractmethod
    def find(self, view: View, series: Series) -> Finding:
        """Judge the series of one place."""

    def series(self, view: View) -> Sequence[Series]:
        """Return the series to judge, one for each place."""
        return list(series_in(view.index, self.probed, view.window.start, view.window.end))

    def judge(self, view: View) -> Verdict:
        """Judge each place; the worst one decides. Raises `CheckError` for a population: a probe has no users."""
        if view.population.name != "all":
            raise CheckError(f"{self}: a probe does not belong to users; put it in all=[...]")
        found = self.series(view)
        n = sum(len(one.readings) for one in found)
        return combine(self, view, [self.find(view, one) for one in found], n, "probe")

    def inconclusive(self, view: View, series: Series, why: str, observed: str = "") -> Finding:
        """Return a finding for a series that proves nothing."""
        advice = f"{series.probe.text} by hand; or a smaller every_ms=, a longer phase, a longer timeout_ms="
        return Finding("inconclusive", observed or "not known", why, advice)
