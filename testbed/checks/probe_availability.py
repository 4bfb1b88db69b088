"""Availability of a probe: the share of its readings that gave a value in time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

from testbed.checks.judging import validation
from testbed.checks.judging.findings import Finding
from testbed.checks.judging.formatting import percent, tally, trim
from testbed.checks.judging.held_up import timed_out_by_us, timeouts_held_up
from testbed.checks.judging.series import ProbeCheck, Series
from testbed.checks.judging.view import View


@dataclass(frozen=True)
class probe_availability(ProbeCheck):
    """At least this share of the readings of a probe in the window gave a value in time, at each place. A count."""

    at_least_percent: float | None = field(default=None, kw_only=True)

    def validate(self) -> None:
        """Raise `CheckError` unless the percentage is above 0 and at most 100."""
        validation.exactly_one(f"{self.name}({self.probed!r})", at_least_percent=self.at_least_percent)
        validation.percentage(str(self), at_least_percent=self.at_least_percent)

    @property
    def bound(self) -> str:
        """The bound in words."""
        return f">= {trim(f'{self.at_least_percent:.6f}')} %"

    def find(self, view: View, series: Series) -> Finding:
        """Count the readings that failed or were late."""
        n, good = len(series.readings), len(series.good)
        if not n:
            return self.inconclusive(view, series, series.missing())
        place = f"{series.place}: " if len(series.probe.places) > 1 else ""
        observed = f"{place}{good} of {n} ({percent(good / n)})"
        ours = [one for one in series.failed if timed_out_by_us(view.index, one)]
        if self._too_few(good, n) and not self._too_few(good + len(ours), n):
            return self.inconclusive(view, series, timeouts_held_up(view.index, ours), observed)
        if self._too_few(good, n):
            first = series.failed[0]
            why = f"{n - good} of {n} readings of {series.title} failed: {tally([one.error for one in series.failed])}"
            clue = f"{series.probe.text}: the first failure is {series.when(first)} of {view.window.name}"
            return Finding("violated", observed, why, clue)
        return Finding("held", observed)

    def _too_few(self, good: int, n: int) -> bool:
        return good * 100 < cast(float, self.at_least_percent) * n
