"""Retry budget: the retries on an edge stay within their budget, in total or at the same time."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from testbed.checks.judging import validation
from testbed.checks.judging.base import EdgeCheck, Verdict
from testbed.checks.judging.explain import hop_text
from testbed.checks.judging.formatting import count, plural, seconds, trim
from testbed.checks.judging.reach import attempts_per_call
from testbed.checks.judging.validity import observer_of
from testbed.checks.judging.view import View
from testbed.errors import CheckError
from testbed.history.events import Attempt
from testbed.history.facts import Budget, facts_of, of_the_load
from testbed.history.index import Index

CLOCK_S = (
    0.002  # log lines of one proxy may be out of order by this much; the check never counts this against the proxy
)


@dataclass(frozen=True)
class _Excess:
    """One retry and its budget: the number of retries, and the number that is allowed."""

    retry: Attempt
    retries: int
    allowed: float


@dataclass(frozen=True)
class retry_budget(EdgeCheck):
    """The retries of the caller's proxy (or app, if it has no proxy) on an edge stay within a budget.

    `percent=` and `floor=` bound a total: in every period of `window_s` seconds that ends with a retry (without
    `window_s`: in the whole phase) there are at most `percent` retries for 100 first attempts, plus `floor`.

    `at_once=True` bounds the retries at the same time, as Envoy's budgets do. It is also the claim if no number is
    given; then the budget is that of the policy (retryBudget, or maxRetries of circuitBreaker). A retry is admitted
    when the attempt before it ends. At that time at most `percent` of the requests of the proxy are retries, or
    `floor` if that is more. A retry in back-off counts. The two claims are independent: 100 retries one after the other
    need a budget of only 1.

    Evidence: attempts and their times. If an app repeats a call itself, its proxy sees a new call, which counts as a
    first attempt: see `retry_amplification` for those.
    """

    percent: float | None = field(default=None, kw_only=True)
    floor: int | None = field(default=None, kw_only=True)
    window_s: float | None = field(default=None, kw_only=True)
    at_once: bool = field(default=False, kw_only=True)

    def validate(self) -> None:
        """Raise `CheckError` for a bad percentage (above 100 is fine), floor or window, or `at_once` with a window."""
        if self.percent is not None and self.percent != 0:
            validation.positive(str(self), percent=self.percent)
        if self.floor is not None:
            validation.whole(str(self), floor=self.floor)
        if self.window_s is not None:
            validation.positive(str(self), window_s=self.window_s)
        if self._from_policy and (self.at_once or self.window_s is not None):
            raise CheckError(f"{self}: at_once= and window_s= need a budget: give percent= or floor=")
        if self.at_once and self.window_s is not None:
            raise CheckError(f"{self}: at_once= has no window: leave out at_once= or window_s=")
        if self.at_once and (self.percent or 0) >= 100:
            raise CheckError(f"{self}: at_once= with percent=100 or more would always hold: give a lower one")

    def fits(self, index: Index) -> None:
        """Raise `CheckError` for an unknown edge, the edge of the load, or a policy without a budget."""
        super().fits(index)
        if of_the_load(self.edge):
            raise CheckError(f"{self}: the load sends every request once; name an edge between two services")
        if self._from_policy and not self._is_stated(index):
            raise CheckError(f"{self}: the policy of {self.edge} has no budget: give percent= and floor=")

    def _is_stated(self, index: Index) -> bool:
        """Whether a policy of the run has a budget, including changed policies."""
        topologies = index.topologies(-math.inf, math.inf)
        return any(self.edge in facts_of(topology).budgets for topology in topologies)

    def _stated(self, view: View) -> Budget:
        if self.edge not in view.facts.budgets:
            raise CheckError(f"{self}: the policy of {self.edge} had no budget in {view.window.name!r}")
        return view.facts.budgets[self.edge]

    @property
    def _from_policy(self) -> bool:
        return self.percent is None and self.floor is None

    @property
    def _is_total(self) -> bool:
        return not (self._from_policy or self.at_once)

    @property
    def bound(self) -> str:
        """The bound in words."""
        return "the budget of the policy" if self._from_policy else self._words(self._budget)

    @property
    def _budget(self) -> Budget:
        return Budget(self.percent or 0.0, self.floor or 0)

    def _words(self, budget: Budget) -> str:
        share = f"{trim(f'{budget.percent:.6f}')} % of the requests" if budget.percent else ""
        if not self._is_total:
            return f"at the same time <= {share}{' or ' if share else ''}{budget.floor}"
        when = f"in any {seconds(self.window_s)}" if self.window_s else "in total"
        floor = f" and {budget.floor} more" if share and budget.floor else ""
        return f"{when} <= {share or budget.floor}{floor}"

    def topic(self) -> Hashable:
        """Return name, edge and kind of claim."""
        return (self.name, self.edge, self._is_total, self.window_s)

    def needs(self, view: View) -> tuple[str, ...]:
        """Return requests and attempts: arrivals do not show whether they are retries."""
        return ("requests", "attempts")

    def judge(self, view: View) -> Verdict:
        """Compare the retries with the number that was allowed at the time of each."""
        budget = self._stated(view) if self._from_policy else self._budget
        verdict = self._compare(view, budget)
        return replace(verdict, bound=self._words(budget))

    def unbreakable(self, view: View) -> str:
        """Return why more retries are allowed than there were attempts, or than the policy can make."""
        tries, retries = view.attempts(self.edge), attempts_per_call(view, self.edge) - 1
        if retries == 0 and all(attempt.number == 1 for attempt in tries):
            return f"the policy of {self.edge} makes no retry"
        if not self._from_policy and self._budget.floor >= len(tries):
            return f"floor={self.floor}, and there were only {plural(len(tries), 'attempt')}"
        if self._is_total and self.window_s is None and 0 < retries < self._budget.percent / 100:
            return f"the policy of {self.edge} makes at most {count(int(retries * 100))} retries for 100 first attempts"
        return ""

    def _compare(self, view: View, budget: Budget) -> Verdict:
        tries = view.attempts(self.edge)
        say = partial(self.verdict, view, n=len(tries), source=observer_of(view.index, "attempts"))
        if not tries:
            why = f"0 of {plural(len(view.requests), 'request')} used {self.edge} (at least 1 needed)"
            return say("inconclusive", "no attempt", why=why, next="does a path of the load use this edge?")
        found = list(self._in_total(tries, budget) if self._is_total else self._at_once(view, budget))
        if not found:
            return say("held", f"no retry in {plural(len(tries), 'attempt')}", margin="no retry")
        worst = max(found, key=lambda one: one.retries - one.allowed)
        observed = f"retries: {count(worst.retries)}, allowed: {trim(f'{worst.allowed:.2f}')}"
        spare = worst.allowed - worst.retries
        if spare >= -1e-9:
            return say("held", observed, margin=f"{trim(f'{max(spare, 0):.2f}')} to spare")
        over = sum(1 for one in found if one.retries > one.allowed + 1e-9)
        why = f"{over} of {len(found)} retries exceeded the budget when they were made"
        return say(
            "violated", observed, margin=f"{trim(f'{-spare:.2f}')} too many", why=why, next=hop_text(worst.retry)
        )

    def _in_total(self, tries: Sequence[Attempt], budget: Budget) -> Iterator[_Excess]:
        """Yield for each retry (or once for all) the retries in its period, and the allowed number."""
        ordered = sorted(tries, key=lambda attempt: attempt.start)
        retries = [attempt for attempt in ordered if attempt.number > 1]
        again, first = [a.start for a in retries], [a.start for a in ordered if a.number == 1]
        if self.window_s is None:
            yield from [_Excess(retries[-1], len(again), budget.share(len(first)) + budget.floor)] if again else []
            return
        for made, retry in enumerate(retries, 1):
            since = retry.start - self.window_s
            calls = bisect_right(first, retry.start) - bisect_right(first, since)
            yield _Excess(retry, made - bisect_right(again, since), budget.share(calls) + budget.floor)

    def _at_once(self, view: View, budget: Budget) -> Iterator[_Excess]:
        """Yield for each retry of the window the retries under way when it was admitted, of all populations."""
        window = view.window
        proxies: dict[str, list[Attempt]] = defaultdict(list)
        for attempt in view.index.attempts.on(self.edge):
            proxies[_proxy_of(view.index, attempt.caller)].append(attempt)
        for tries in proxies.values():
            for excess in _concurrent(tries, budget):
                if window.start <= excess.retry.start < window.end:
                    yield excess


def _concurrent(tries: Sequence[Attempt], budget: Budget) -> Iterator[_Excess]:
    """Yield for each retry of one proxy the retries under way when it was admitted, and the allowed number."""
    end_of = {(attempt.call, attempt.number): _end(attempt) for attempt in tries}
    again = [(end_of.get((a.call, a.number - 1), a.start), a) for a in tries if a.number > 1]
    retries = sorted(again, key=lambda one: one[0])
    retry_ends = sorted(_end(retry) for _, retry in retries)
    starts, ends = sorted(a.start for a in tries), sorted(map(_end, tries))
    for made, (admitted, retry) in enumerate(retries, 1):
        under_way = max(1, made - bisect_right(retry_ends, admitted + CLOCK_S))
        requests = bisect_right(starts, admitted + CLOCK_S) - bisect_left(ends, admitted - CLOCK_S)
        yield _Excess(retry, under_way, max(budget.floor, math.floor(budget.share(requests))))


def _proxy_of(index: Index, caller: str) -> str:
    """Return the proxy with the budget of a replica's retries: its sidecar, or the proxy of its node."""
    if not index.run or index.run.topology.get("placement") != "node":
        return caller
    service, _, copy = caller.rpartition("-")
    return index.topology.node_of(service, int(copy))


def _end(attempt: Attempt) -> float:
    return attempt.start + attempt.duration_ms / 1000
