"""Recovery: soon after the last fault is healed, no request fails."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, cast

from testbed.checks.judging import statistics, validation
from testbed.checks.judging.base import Check, Verdict
from testbed.checks.judging.explain import request_trace
from testbed.checks.judging.formatting import count, outcomes, plural, seconds
from testbed.checks.judging.no_failure import NoFailure
from testbed.checks.judging.view import View


@dataclass(frozen=True)
class recovery(Check):
    """No request that is due later than `within_s` after the end of the last fault fails.

    Judges the phase "recover" unless `during` names another; at least 20 of its requests must be later than that.
    In a run without faults the time counts from the start of the phase.
    """

    within_s: float | None = field(default=None, kw_only=True)

    slack: ClassVar[tuple[str, ...]] = ("within_s",)
    default_phase: ClassVar[str | None] = "recover"

    def validate(self) -> None:
        """Raise `CheckError` unless the time is above 0."""
        validation.exactly_one("recovery()", within_s=self.within_s)
        validation.positive(str(self), within_s=self.within_s)

    def when_steady(self) -> Check:
        """Return that no request fails: what fails before the fault cannot recover from it."""
        return NoFailure()

    @property
    def bound(self) -> str:
        """The bound in words."""
        return f"within {seconds(self._limit)} of healing"

    @property
    def _limit(self) -> float:
        return cast(float, self.within_s)

    def judge(self, view: View) -> Verdict:
        """Look at every request that was due after the deadline."""
        healed = max((fault.end for fault in view.index.faults), default=view.window.start)
        until = view.window.end
        failed = [r for r in view.index.requests if healed <= r.intended < until and view.population.includes(r)]
        failed = [request for request in failed if not request.ok]
        last = max((r.intended - healed for r in failed), default=None)
        observed = "no failure after healing" if last is None else f"last failure {seconds(last)} after healing"
        later = [request for request in view.requests if request.intended > healed + self._limit]
        bad = [request for request in later if not request.ok]
        if bad:
            worst = max(bad, key=lambda request: request.intended)
            over = f"{seconds(worst.intended - healed - self._limit)} over"
            why = f"{plural(len(bad), 'request')} of {count(len(later))} failed after the deadline: {outcomes(bad)}"
            return self.verdict(
                view, "violated", observed, len(later), margin=over, why=why, next=request_trace(view, worst)
            )
        if len(later) < statistics.ENOUGH_LATER:
            return self._too_short(view, observed, healed, len(later))
        margin = f"{seconds(self._limit - (last or 0.0))} to spare"
        return self.verdict(view, "held", observed, len(later), margin=margin)

    def _too_short(self, view: View, observed: str, healed: float, later: int) -> Verdict:
        why = (
            f"only {plural(later, 'request')} of {view.window.name} were due later than {seconds(self._limit)} after "
            f"healing ({statistics.ENOUGH_LATER} needed)"
        )
        lasts = (
            healed + self._limit - view.window.start + (statistics.ENOUGH_LATER + 1) / view.rate if view.rate else 0.0
        )
        next = f"let {view.window.name} last {seconds(lasts)} or longer (recover_s=)" if lasts else "send more requests"
        return self.verdict(view, "inconclusive", observed, later, why=why, next=next)
