"""Effects: a probe that counts them has as many more at the end as requests were answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from testbed.checks.judging import validation
from testbed.checks.judging.base import Verdict
from testbed.checks.judging.findings import Finding
from testbed.checks.judging.formatting import count, plural
from testbed.checks.judging.held_up import values_held_up
from testbed.checks.judging.series import ProbeCheck, Series, by_phase, figure, said, whole_run
from testbed.checks.judging.view import View
from testbed.errors import CheckError
from testbed.history.events import Request

SAFE = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True)
class probe_effects(ProbeCheck):
    """The counted effects grew by `per_request` for each request that was answered well, in the whole run.

    The probe counts effects, such as rows of orders; its first reading is before the first request, its last one after
    the last (`settle_s=` of the probe: later). Fewer effects than good answers are lost ones; more than requests were
    sent are duplicates. A request that failed may have had its effect: effects beyond the good answers, up to the
    number of failed requests, are inconclusive unless `failed_may_count`. The requests are those with another method
    than GET, HEAD and OPTIONS. Only numbers at the replicas of one store can be compared: several places are added.
    A first or last reading near a time when the testbed itself was slow proves nothing.
    """

    per_request: int = field(default=1, kw_only=True)
    failed_may_count: bool = field(default=False, kw_only=True)

    def validate(self) -> None:
        """Raise `CheckError` unless each request has a whole number of effects, at least 1."""
        validation.positive(str(self), per_request=self.per_request)
        validation.whole(str(self), per_request=self.per_request)

    @property
    def bound(self) -> str:
        """The bound in words."""
        return f"{plural(self.per_request, 'effect')} for each answered request"

    def judge(self, view: View) -> Verdict:
        """Compare the growth with the requests. Raises `CheckError` for a window: effects have none."""
        if self.phase:
            raise CheckError(f"{self}: effects are counted in the whole run; leave out .during(...)")
        return replace(super().judge(view), phase="the whole run", n=len(_requests(view)))

    def series(self, view: View) -> Sequence[Series]:
        """Return the whole run of one place, or of all of them added up."""
        found = list(whole_run(view.index, self.probed))
        return found[:1]

    def find(self, view: View, series: Series) -> Finding:
        """Compare the growth of all places with the number of requests."""
        requests = _requests(view)
        if not requests:
            why = "the load sent no request with a method other than GET, HEAD and OPTIONS"
            return Finding("inconclusive", "no request", why, "load=constant_rate(post(...), ...)")
        grown, missing = self._growth(view, requests)
        if missing:
            return self.inconclusive(view, series, missing)
        found = self._compared(requests, grown, by_phase(view.index, series))
        if stalled := self._held_up(view, is_too_many=grown > len(requests) * self.per_request):
            return self.inconclusive(view, series, stalled, found.observed)
        return found

    def _held_up(self, view: View, *, is_too_many: bool) -> str:
        """Return why the testbed can have spoiled a count; a slow last reading never counts too many."""
        ends = (0,) if is_too_many else (0, -1)
        places = whole_run(view.index, self.probed)
        whys = (values_held_up(view.index, [one.readings[end]]) for one in places for end in ends)
        return next(filter(None, whys), "")

    def _growth(self, view: View, requests: Sequence[Request]) -> tuple[float, str]:
        """Return by how much all places grew together, or why this is not known."""
        grown = 0.0
        for one in whole_run(view.index, self.probed):
            if why := _unknown(one, requests):
                return grown, f"the count before or after the load is not known: {one.title}: {why}"
            grown += cast(float, one.readings[-1].value) - cast(float, one.readings[0].value)
        return grown, ""

    def _compared(self, requests: Sequence[Request], grown: float, clue: str) -> Finding:
        good = sum(request.ok for request in requests)
        least, most = good * self.per_request, len(requests) * self.per_request
        effects = f"{figure(grown)} effects"
        observed = f"{effects} of {count(good)} answered requests"
        failed = f"{plural(len(requests) - good, 'request')} failed and may have had an effect"
        if grown < least:
            return Finding("violated", observed, f"{figure(least - grown)} effects of answered requests are lost", clue)
        if grown > most:
            why = f"{effects} of {count(len(requests))} requests: at least {figure(grown - most)} are duplicates"
            return Finding("violated", observed, why, clue)
        if grown > least and not self.failed_may_count:
            why = f"{figure(grown - least)} effects more than good answers; {failed}: these, or duplicates"
            advice = "let the probe count duplicates by their key (count(*) - count(distinct key)), or failed_may_count"
            return Finding("inconclusive", observed, why, advice)
        return Finding("held", f"{observed}; {failed}" if good < len(requests) else observed)


def _unknown(series: Series, requests: Sequence[Request]) -> str:
    """Return why the first and the last reading do not enclose all requests, "" if they do."""
    if len(series.readings) < 2:
        return f"there is only {plural(len(series.readings), 'reading')}"
    first, last = series.readings[0], series.readings[-1]
    reasons = [one.error or f"{said(one)} is not a number" for one in (first, last) if one.value is None]
    if first.end > min(request.sent for request in requests):
        reasons.append("its first reading ended after the first request was sent")
    if last.at < max(request.intended + request.latency_ms / 1000 for request in requests):
        reasons.append("its last reading began before the last request ended")
    return "; ".join(reasons)


def _requests(view: View) -> Sequence[Request]:
    """Return every request of the run that may have an effect, also outside the window."""
    return [request for request in view.index.requests if request.method not in SAFE]
