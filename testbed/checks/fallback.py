"""Fallback: the answers carry the intended fallback."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass, field

from testbed.checks.judging import validation
from testbed.checks.judging.base import Check, Verdict
from testbed.checks.judging.explain import request_trace, worst
from testbed.checks.judging.formatting import count, outcome, percent, plural, tally, trim
from testbed.checks.judging.view import View
from testbed.errors import CheckError, nearest
from testbed.history.index import Index


@dataclass(frozen=True)
class fallback(Check):
    """At least this share of the answered requests carries the fallback (default: all of them). An exact count.

    A request is answered if any status came back. Requests without an answer do not count, so use `availability` or
    `statuses` as well.
    """

    which: str
    at_least_percent: float = field(default=100, kw_only=True)

    def validate(self) -> None:
        """Raise `CheckError` for an empty name or a percentage that is not above 0 and at most 100."""
        if not isinstance(self.which, str) or not self.which:
            raise CheckError('fallback(...) takes the name of a fallback, as in onFailure: fallback("list-price")')
        validation.percentage(str(self), at_least_percent=self.at_least_percent)

    @property
    def bound(self) -> str:
        """The bound in words."""
        share = "all" if self.at_least_percent == 100 else f">= {trim(f'{self.at_least_percent:.6f}')} %"
        return f"{share} with {self.which}"

    @property
    def reaction(self) -> bool:
        """Always: a fallback is taken because of a fault."""
        return True

    def topic(self) -> Hashable:
        """Return name and fallback."""
        return (self.name, self.which)

    def fits(self, index: Index) -> None:
        """Raise `CheckError` if no stub of the topology has this fallback and every service is a stub."""
        if index.facts.edges and not index.facts.own and self.which not in index.facts.fallbacks:
            hint = nearest(self.which, index.facts.fallbacks) or " (this topology has no fallbacks)"
            raise CheckError(f"{self}: there is no fallback {self.which!r}{hint}")

    def judge(self, view: View) -> Verdict:
        """Count the answers that carry the fallback."""
        answered = [request for request in view.requests if request.answered]
        without = [request for request in answered if self.which not in request.fallbacks]
        n, taken = len(answered), len(answered) - len(without)
        if not answered:
            why = f"0 of {plural(len(view.requests), 'request')} got an answer (at least 1 needed)"
            return self.verdict(
                view, "inconclusive", "no answer", 0, why=why, next=request_trace(view, view.requests[0])
            )
        observed = f"{count(taken)} of {count(n)} answers ({percent(taken / n)})"
        wanted = math.ceil(round(n * self.at_least_percent / 100, 6))
        if taken >= wanted:
            return self.verdict(view, "held", observed, n, margin=f"{count(taken - wanted)} to spare")
        others = tally([f"{outcome(r)} with {'+'.join(r.fallbacks) or 'no fallback'}" for r in without])
        return self.verdict(
            view,
            "violated",
            observed,
            n,
            margin=f"{count(wanted - taken)} missing",
            why=f"{plural(len(without), 'answer')} came without {self.which}: {others}",
            next=request_trace(view, worst(without)),
        )
