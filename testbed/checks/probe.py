"""Probe: a value that the system itself tells stays within bounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, cast, get_args

from testbed.checks.judging import validation
from testbed.checks.judging.findings import Finding
from testbed.checks.judging.formatting import plural
from testbed.checks.judging.held_up import moved_while_held_up, values_held_up
from testbed.checks.judging.series import ProbeCheck, Series, by_phase, figure, said, span
from testbed.checks.judging.view import View
from testbed.errors import CheckError
from testbed.history.events import ProbeReading
from testbed.history.index import Index

Which = Literal["every", "last", "change"]


@dataclass(frozen=True)
class probe(ProbeCheck):
    """Every reading of a probe in the window is within these bounds, at each place where it is read.

    `reading="last"` judges only the last reading of the window, `reading="change"` the last one minus the first one.
    A reading near a time when the testbed itself was slow violates nothing; as the only or last one it proves nothing.
    `equals` takes a number, a text, or True and False for those of JSON.
    """

    at_least: float | None = field(default=None, kw_only=True)
    at_most: float | None = field(default=None, kw_only=True)
    equals: float | str | bool | None = field(default=None, kw_only=True)
    reading: Which = field(default="every", kw_only=True)

    def validate(self) -> None:
        """Raise `CheckError` for no bound, impossible ones, or an unknown reading."""
        limits = {"at_least": self.at_least, "at_most": self.at_most}
        given = {name: value for name, value in limits.items() if value is not None}
        validation.numbers(f"{self.name}({self.probed!r})", **given)
        if (self.equals is None) == (not given):
            raise CheckError(f"{self}: give at_least=, at_most= or both, or equals= alone")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise CheckError(f"{self}: no value is at least {self.at_least:g} and at most {self.at_most:g}")
        if self.reading not in get_args(Which):
            raise CheckError(f"{self}: reading is one of {', '.join(map(repr, get_args(Which)))}")
        if self.reading == "change" and isinstance(self.equals, (str, bool)):
            raise CheckError(f"{self}: a change is a number, not {self.equals!r}")

    def topic(self) -> tuple[str, str, str]:
        """Return name, probe and which reading."""
        return (self.name, self.probed, self.reading)

    @property
    def bound(self) -> str:
        """The bound in words."""
        limits = ((">=", self.at_least), ("<=", self.at_most))
        texts = [f"{sign} {figure(value)}" for sign, value in limits if value is not None]
        if self.equals is not None:
            is_text = isinstance(self.equals, (str, bool))
            texts = [repr(_text(self.equals)) if is_text else figure(float(self.equals))]
        return {"every": "always ", "last": "at the end ", "change": "change "}[self.reading] + " and ".join(texts)

    def find(self, view: View, series: Series) -> Finding:
        """Judge every reading, the last one, or the difference of the last and the first one."""
        judged = self._judged(series)
        bad = [reading for reading in judged if not self._within(reading)]
        clue, observed = by_phase(view.index, series), self._observed(series, judged)
        if stalled := self._held_up(view.index, series, judged, bad):
            return self.inconclusive(view, series, stalled, observed)
        if bad:
            what = f"{len(bad)} of {plural(len(judged), 'reading')} of {series.title} broke the bound"
            first = f"the first: {said(bad[0], series.probe.unit)}, {series.when(bad[0])} of {view.window.name}"
            why = f"{what}; {first}" if self.reading == "every" else f"{series.title}: {observed}"
            return Finding("violated", observed, why, clue)
        if missing := self._missing(series):
            return self.inconclusive(view, series, missing, observed)
        return Finding("held", observed)

    def _judged(self, series: Series) -> Sequence[ProbeReading]:
        """Return the readings to compare; for "change" one whose value is the difference."""
        if self.reading == "every" or self._missing(series):
            return series.good if self.reading == "every" else []
        first, last = series.readings[0], series.readings[-1]
        if self.reading == "last":
            return [last]
        return [replace(last, value=cast(float, last.value) - cast(float, first.value))]

    def _held_up(
        self, index: Index, series: Series, judged: Sequence[ProbeReading], bad: Sequence[ProbeReading]
    ) -> str:
        """Return why the testbed itself can be the reason for the verdict, "" if it cannot."""
        if self.reading == "every":
            return values_held_up(index, bad)
        if (why := values_held_up(index, judged)) or self.reading == "last":
            return why
        moved, why = moved_while_held_up(index, series.good)
        rest = [replace(one, value=cast(float, one.value) - moved) for one in judged]
        return why if any(map(self._within, judged)) != any(map(self._within, rest)) else ""

    def _missing(self, series: Series) -> str:
        """Return why the readings prove nothing, "" if they do."""
        if self.reading == "every":
            return series.missing()
        if self.reading == "last":
            return series.missing_at(-1)
        if len(series.readings) == 1 or any(one.value is None and not one.error for one in series.readings):
            return f"a change needs two numbers of {series.title}: {', '.join(map(said, series.readings))}"
        return series.missing_at(0, -1)

    def _within(self, reading: ProbeReading) -> bool:
        if isinstance(self.equals, (str, bool)):
            return reading.text == _text(self.equals)
        if reading.value is None:
            return False  # a text is not within bounds of numbers
        if self.equals is not None:
            return reading.value == self.equals
        above = self.at_least is None or reading.value >= self.at_least
        return above and (self.at_most is None or reading.value <= self.at_most)

    def _observed(self, series: Series, judged: Sequence[ProbeReading]) -> str:
        place = f"{series.place}: " if len(series.probe.places) > 1 else ""
        return f"{place}{span(judged, series.probe.unit) or 'not known'}"


def _text(value: float | str) -> str:
    """Return how a reading writes a text or a truth value."""
    return str(value).lower() if isinstance(value, bool) else str(value)
