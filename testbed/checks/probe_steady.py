"""Steady: a probe stays what it was before the fault."""

from __future__ import annotations

from dataclasses import dataclass, field

from testbed.checks.judging import validation
from testbed.checks.judging.findings import Finding
from testbed.checks.judging.formatting import plural, trim
from testbed.checks.judging.held_up import values_held_up
from testbed.checks.judging.series import ProbeCheck, Series, by_phase, said, series_in, span
from testbed.checks.judging.view import View, phase_window
from testbed.errors import CheckError
from testbed.history.events import ProbeReading
from testbed.history.index import Index


@dataclass(frozen=True)
class probe_steady(ProbeCheck):
    """Every reading of a probe in the window is what it was in the baseline.

    Numbers may be anywhere between the least and the greatest of the baseline, and `within_percent` of the baseline's
    greatest magnitude beyond both. Texts must have occurred in the baseline.
    """

    within_percent: float = field(default=0, kw_only=True)

    def validate(self) -> None:
        """Raise `CheckError` unless the percentage is 0 or more."""
        validation.numbers(str(self), within_percent=self.within_percent)
        if self.within_percent < 0:
            raise CheckError(f"{self}: within_percent must be 0 or more, not {self.within_percent!r}")

    def fits(self, index: Index) -> None:
        """Raise `CheckError` for an unknown probe, and for a run without baseline."""
        super().fits(index)
        if "baseline" not in index.by_phase:
            raise CheckError(f'{self}: this run has no phase "baseline" to compare with')

    @property
    def bound(self) -> str:
        """The bound in words."""
        more = f" within {trim(f'{self.within_percent:.6f}')} %" if self.within_percent else ""
        return f"as in the baseline{more}"

    def find(self, view: View, series: Series) -> Finding:
        """Compare with the baseline of the same place."""
        before = self._baseline(view, series.place)
        known = list(before.good)
        if not known or (missing := before.missing()):
            why = f"the baseline is not known: {missing if known else before.missing()}"
            return self.inconclusive(view, series, why)
        bad = [reading for reading in series.good if not self._as_before(reading, known)]
        observed = self._observed(series)
        if bad:
            if stalled := values_held_up(view.index, bad):
                return self.inconclusive(view, series, stalled, observed)
            what = f"{len(bad)} of {plural(len(series.readings), 'reading')} of {series.title} differ from the baseline"
            first = f"the first: {said(bad[0], series.probe.unit)}, {series.when(bad[0])} of {view.window.name}"
            return Finding("violated", observed, f"{what} ({span(known)}); {first}", by_phase(view.index, series))
        if missing := series.missing():
            return self.inconclusive(view, series, missing, observed)
        return Finding("held", f"{observed} (baseline {span(known)})")

    def _baseline(self, view: View, place: str) -> Series:
        window = phase_window(view.index, "baseline")
        found = series_in(view.index, self.probed, window.start, window.end)
        return next(one for one in found if one.place == place)

    def _as_before(self, reading: ProbeReading, known: list[ProbeReading]) -> bool:
        if reading.value is None:
            return any(one.value is None and one.text == reading.text for one in known)
        numbers = [one.value for one in known if one.value is not None]
        if not numbers:
            return False
        more = self.within_percent / 100 * max(map(abs, numbers))
        return min(numbers) - more <= reading.value <= max(numbers) + more

    def _observed(self, series: Series) -> str:
        place = f"{series.place}: " if len(series.probe.places) > 1 else ""
        return f"{place}{span(series.good) or 'not known'}"
