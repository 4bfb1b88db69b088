"""Quantiles of the latency: absolute, or compared with the baseline of the same users."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

from testbed.checks.judging import statistics, validation
from testbed.checks.judging.base import Check, Verdict
from testbed.checks.judging.explain import more_load, request_trace
from testbed.checks.judging.formatting import count, ms, plural, trim
from testbed.checks.judging.reach import longest_request_ms, too_far
from testbed.checks.judging.view import View, latency
from testbed.errors import CheckError
from testbed.history.index import Index

BOTH = 1 - (1 - statistics.CONFIDENCE) / 2  # Bonferroni: two bounds at 97.5 % together have 95 % confidence


@dataclass(frozen=True)
class quantile(Check):
    """The q-percent quantile of the latency, from the intended send time, is below a bound.

    `under_ms` is absolute; `above_baseline_ms` is the allowed increase over the quantile in the phase "baseline".
    A request without an answer counts as infinitely slow. Proved or refuted by exact order-statistic bounds at 95 %.
    """

    q: float
    under_ms: float | None = field(default=None, kw_only=True)
    above_baseline_ms: float | None = field(default=None, kw_only=True)

    def validate(self) -> None:
        """Raise `CheckError` unless q is a percentage from 1 to below 100 and there is one bound above 0."""
        validation.positive(f"{self.name}()", q=self.q)
        if not 1 <= self.q < 100:
            raise CheckError(f"{self}: q is in percent, from 1 to below 100: write 99 for p99")
        given = validation.exactly_one(str(self), under_ms=self.under_ms, above_baseline_ms=self.above_baseline_ms)
        validation.positive(str(self), **given)

    @property
    def name(self) -> str:
        """The name that users write: `p99` if there is one."""
        return f"p{self.q:g}" if self.q in (50, 90, 99) else "quantile"

    @property
    def bound(self) -> str:
        """The bound in words."""
        if self.under_ms is not None:
            return f"< {ms(self.under_ms)}"
        return f"< baseline + {ms(self._limit)}"

    def arguments(self) -> Iterator[str]:
        """Yield the arguments, without q if it is part of the name."""
        given = super().arguments()
        return given if self.name == "quantile" else islice(given, 1, None)

    def topic(self) -> Hashable:
        """Return the quantile, and whether the bound is absolute."""
        return ("quantile", self.q, self.under_ms is None)

    def fits(self, index: Index) -> None:
        """Raise `CheckError` if a baseline is needed and the run has none."""
        if self.under_ms is None and "baseline" not in index.by_phase:
            raise CheckError(f'{self}: this run has no phase "baseline" to compare with; use under_ms=')

    def views(self, view: View) -> tuple[View, ...]:
        """Return the view, and its baseline if the bound is relative."""
        return (view,) if self.under_ms is not None else (view, view.baseline)

    def bounds_latency(self) -> bool:
        """Always."""
        return True

    @property
    def _limit(self) -> float:
        return (self.under_ms or 0.0) + (self.above_baseline_ms or 0.0)

    def unbreakable(self, view: View) -> str:
        """Return why no request can take that long: the policies cut off all calls of the entry much earlier."""
        return too_far(self._limit, longest_request_ms(view), "every request")

    def judge(self, view: View) -> Verdict:
        """Compare order statistics with the bound."""
        return self._against_limit(view) if self.under_ms is not None else self._against_baseline(view)

    def _against_limit(self, view: View) -> Verdict:
        found = statistics.quantile_between(map(latency, view.requests), self.q, statistics.CONFIDENCE)
        say = partial(self.verdict, view, n=len(view.requests), confidence="95 %", observed=_range(found))
        if found.upper < self._limit:
            return say("held", margin=f"{ms(self._limit - found.upper)} to spare")
        slow = [request for request in view.requests if latency(request) >= self._limit]
        if found.lower >= self._limit:
            why = f"{plural(len(slow), 'request')} of {count(len(view.requests))} took {ms(self._limit)} or more"
            return say("violated", margin=_over(found.lower - self._limit), why=why, next=_slowest(view))
        needed = statistics.enough_requests(len(slow), self.q / 100)
        why = (
            f"{plural(len(view.requests), 'request')}, {count(len(slow))} of them at {ms(self._limit)} or more, do not "
            f"prove {self._word}; a proof needs {count(needed)} with at most {count(len(slow))}"
        )
        why += "" if slow else ", or use max_latency(under_ms=), which is a count"
        return say("inconclusive", why=why, next=_slowest(view) if slow else more_load(view, needed))

    def _against_baseline(self, view: View) -> Verdict:
        now, before = (
            statistics.quantile_between(map(latency, one.requests), self.q, BOTH) for one in (view, view.baseline)
        )
        observed = f"{_range(now)}, baseline {ms(before.observed)}"
        say = partial(self.verdict, view, n=len(view.requests), confidence="95 %", observed=observed)
        most, least = now.upper - before.lower, now.lower - before.upper
        if before.observed == math.inf:
            why = f"the baseline has no {self._word}: too many of its requests got no answer"
            return say("inconclusive", why=why, next=_slowest(view.baseline))
        if now.upper < math.inf and most < self._limit:
            beyond_doubt = now.upper < self._limit  # it holds even with a baseline of 0 ms
            return say("held", margin=f"{ms(self._limit - most)} to spare", timed=not beyond_doubt)
        if before.upper < math.inf and least >= self._limit:
            why = f"{self._word} rose by at least {ms(least)} over the baseline"
            return say("violated", margin=_over(least - self._limit), why=why, next=_slowest(view))
        why, next = self._too_few(view, now, before)
        return say("inconclusive", why=why, next=next)

    def _too_few(self, view: View, now: statistics.Between, before: statistics.Between) -> tuple[str, str]:
        needed = statistics.enough_requests(0, self.q / 100, BOTH)
        n = len(view.requests)
        if n < needed:
            why = f"{plural(n, 'request')} do not bound {self._word}; {count(needed)} or more needed"
            return f"{why} (two bounds at 97.5 %), or use max_latency(under_ms=), a count", more_load(view, needed)
        why = (
            f"{self._word} is between {ms(now.lower)} and {_top(now.upper)}, in the baseline between "
            f"{ms(before.lower)} and {_top(before.upper)}; more requests in both phases make this narrower"
        )
        return why, _slowest(view)

    @property
    def _word(self) -> str:
        return f"p{trim(f'{self.q:.6f}')}"


def _range(found: statistics.Between) -> str:
    return f"{ms(found.observed)}" + (f" (<= {ms(found.upper)})" if found.upper < math.inf else "")


def _top(value: float) -> str:
    return ms(value) if value < math.inf else "no bound"


def _over(excess: float) -> str:
    return f"{ms(excess)} over" if excess < math.inf else "no answer"


def _slowest(view: View) -> str:
    return request_trace(view, max(view.requests, key=latency))


p50 = partial(quantile, 50)
p90 = partial(quantile, 90)
p99 = partial(quantile, 99)
