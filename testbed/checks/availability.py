"""Availability: the share of requests that get a good answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from testbed.checks.judging import statistics, validation
from testbed.checks.judging.base import Check, Outcome, Verdict
from testbed.checks.judging.contents import Predicate, callable_or_none, example, name_of, says_no, sort_answers
from testbed.checks.judging.explain import more_load, request_trace, worst
from testbed.checks.judging.formatting import count, outcomes, percent, plural, points, trim
from testbed.checks.judging.view import View
from testbed.history.events import Request


@dataclass(frozen=True)
class availability(Check):
    """At least this share of the requests gets a status from 200 to 399 (gRPC: OK).

    No answer is a failure, and so is one that broke off. With `ok=`, a function of an `Answer`, an answer is good if
    the function is true of it, so that "200, sorry" is noticed: `ok=lambda answer: "sorry" not in answer.text`. Then
    the status does not count, except that a server error (5xx) is never good. A function that misses a field (KeyError,
    no JSON) means that the answer is not good.

    Below 100 % this is a statistical claim, proved or refuted by Clopper-Pearson bounds at 95 % confidence (99 % needs
    at least 299 requests). 100 % is a count: no request failed.
    """

    at_least_percent: float | None = field(default=None, kw_only=True)
    ok: Predicate | None = field(default=None, kw_only=True)

    def validate(self) -> None:
        """Raise `CheckError` unless the percentage is above 0 and at most 100."""
        validation.exactly_one("availability()", at_least_percent=self.at_least_percent)
        validation.percentage(str(self), at_least_percent=self.at_least_percent)
        callable_or_none(str(self), ok=self.ok)

    @property
    def bound(self) -> str:
        """The bound in words."""
        return f">= {self._limit}" + ("" if self.ok is None else f" good by {name_of(self.ok)}")

    @property
    def _limit(self) -> str:
        return f"{trim(f'{self.at_least_percent:.6f}')} %"

    @property
    def _share(self) -> float:
        return cast(float, self.at_least_percent) / 100

    def judge(self, view: View) -> Verdict:
        """Compare the confidence bounds, or the count for 100 %, with the limit."""
        if self.ok is None:
            return self._compare(view, [request for request in view.requests if not request.ok])
        answers = [one for one in view.requests if one.answered and one.as_http < 500]
        found = sort_answers(view.index, answers, says_no(self.ok))
        bad = {id(one) for one, _ in found.bad}
        failed = [one for one in view.requests if id(one) in bad or not one.answered or one.as_http >= 500]
        verdict = self._compare(view, failed)
        if found.bad and verdict.outcome != "held":
            why = f"{plural(len(found.bad), 'answer')} not good: {found.reasons}; {verdict.why}"
            verdict = replace(verdict, why=why, next=f"{example(view.index, found.bad)}\n{verdict.next}")
        if found.doubt and verdict.outcome != "violated":
            return replace(verdict, outcome="inconclusive", margin="", why=found.doubt, next=found.unknown[0][1])
        return verdict

    def _compare(self, view: View, failed: Sequence[Request]) -> Verdict:
        n = len(view.requests)
        lower, upper = self._bounds(n - len(failed), n)
        if lower >= self._share:
            return self._say(view, "held", failed, margin=f"{points(lower - self._share)} to spare")
        if upper < self._share:
            why = f"{plural(len(failed), 'request')} failed: {outcomes(failed)}{self._at_most(upper)}"
            margin = f"{points(self._share - upper)} below"
            return self._say(view, "violated", failed, margin=margin, why=why, next=request_trace(view, worst(failed)))
        why = f"{count(n - len(failed))} of {count(n)} prove only >= {percent(lower)} with 95 % confidence; "
        if failed:
            why += self._enough_with(failed)
            return self._say(view, "inconclusive", failed, why=why, next=request_trace(view, worst(failed)))
        needed = statistics.enough_requests(0, self._share)
        why += f"{self._limit} needs {count(needed)} requests, or use a count such as statuses"
        return self._say(view, "inconclusive", failed, why=why, next=more_load(view, needed))

    def _bounds(self, answered: int, n: int) -> tuple[float, float]:
        if self._share == 1:
            return answered / n, answered / n
        return statistics.share_lower(answered, n), statistics.share_upper(answered, n)

    def _at_most(self, upper: float) -> str:
        return "" if self._share == 1 else f"; with 95 % confidence the availability is <= {percent(upper)}"

    def _enough_with(self, failed: Sequence[Request]) -> str:
        needed = count(statistics.enough_requests(len(failed), self._share))
        enough = f"a proof needs {needed} requests with at most {plural(len(failed), 'failure')}"
        return f"{enough}; failures: {outcomes(failed)}"

    def _say(
        self,
        view: View,
        outcome: Outcome,
        failed: Sequence[Request],
        *,
        margin: str = "",
        why: str = "",
        next: str = "",
    ) -> Verdict:
        n = len(view.requests)
        observed = f"{count(n - len(failed))} of {count(n)} ({percent((n - len(failed)) / n)})"
        confidence = "exact" if self._share == 1 else "95 %"
        return self.verdict(view, outcome, observed, n, margin=margin, confidence=confidence, why=why, next=next)
