"""Load shedding: an overloaded service rejects some calls quickly, and serves the others in time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from testbed.checks.judging import statistics, validation
from testbed.checks.judging.base import EdgeCheck, Verdict
from testbed.checks.judging.call_times import timed_calls
from testbed.checks.judging.explain import hop_text, more_load, request_trace
from testbed.checks.judging.findings import Finding, combine
from testbed.checks.judging.formatting import count, ms, plural
from testbed.checks.judging.reach import longest_call_ms, too_far
from testbed.checks.judging.validity import observer_of
from testbed.checks.judging.view import View
from testbed.errors import CheckError
from testbed.history.events import Call, Request
from testbed.history.facts import of_the_load

Timed = Sequence[tuple[float, Request | Call]]


@dataclass(frozen=True)
class load_shedding(EdgeCheck):
    """Some calls on an edge are rejected, each of them quickly, and the p99 of all other calls is in time.

    A call is rejected if it ended with one of `statuses`, from the callee or from a proxy. `rejects_within_ms` is a
    count: it bounds every rejected call. `accepted_p99_ms` is proved or refuted at 95 % confidence; a call without an
    answer counts as infinitely slow. On "client -> entry" the calls are the load's requests.
    """

    rejects_within_ms: float | None = field(default=None, kw_only=True)
    accepted_p99_ms: float | None = field(default=None, kw_only=True)
    statuses: tuple[int, ...] = field(default=(429, 503), kw_only=True)

    def validate(self) -> None:
        """Raise `CheckError` without a bound, for one that is not above 0, or without a status."""
        if not self._limits:
            raise CheckError(f"{self}: give rejects_within_ms=, accepted_p99_ms= or both; there is no bound")
        validation.positive(str(self), **self._limits)
        if not isinstance(self.statuses, tuple) or not self.statuses:
            raise CheckError(f"{self}: statuses is a tuple of statuses, such as (429, 503)")
        validation.whole(str(self), **{f"statuses[{place}]": code for place, code in enumerate(self.statuses)})

    @property
    def _limits(self) -> dict[str, float]:
        given = {"rejects_within_ms": self.rejects_within_ms, "accepted_p99_ms": self.accepted_p99_ms}
        return {key: value for key, value in given.items() if value is not None}

    @property
    def bound(self) -> str:
        """The bounds in words."""
        words = {"rejects_within_ms": "rejected within", "accepted_p99_ms": "p99 of the accepted <"}
        return ", ".join(f"{words[key]} {ms(value)}" for key, value in self._limits.items())

    @property
    def reaction(self) -> bool:
        """Always: calls are rejected because a fault reduces the capacity."""
        return True

    def needs(self, view: View) -> tuple[str, ...]:
        """Return requests, and calls unless the load is the caller."""
        return ("requests",) if of_the_load(self.edge) else ("requests", "calls")

    def bounds_latency(self) -> bool:
        """Return whether the load is the caller: a proxy timed the other calls."""
        return of_the_load(self.edge)

    def unbreakable(self, view: View) -> str:
        """Return why no call can take that long: the policy's timeout ends it much earlier."""
        return too_far(min(self._limits.values()), longest_call_ms(view, self.edge), f"every call on {self.edge}")

    def judge(self, view: View) -> Verdict:
        """Judge each rejected call by its duration, and the accepted calls by their p99."""
        calls, source = timed_calls(view, self.edge), observer_of(view.index, self.needs(view)[-1])
        shed = [one for one in calls if one[1].has_status(*self.statuses)]
        rest = [one for one in calls if not one[1].has_status(*self.statuses)]
        return combine(self, view, list(self._findings(view, shed, rest)), len(calls), source)

    def _findings(self, view: View, shed: Timed, rest: Timed) -> Iterator[Finding]:
        said = f"{count(len(shed))} of {plural(len(shed) + len(rest), 'call')} rejected"
        codes = " or ".join(map(str, self.statuses))
        why = f"0 of {plural(len(rest), 'call')} were rejected with {codes} (at least 1 needed)"
        yield Finding("held", said) if shed else Finding("inconclusive", said, why, "more load: a higher rps=")
        if shed and self.rejects_within_ms is not None:
            yield self._rejects(view, shed, self.rejects_within_ms)
        if self.accepted_p99_ms is not None:
            yield self._accepted(view, rest, self.accepted_p99_ms)

    def _rejects(self, view: View, shed: Timed, limit: float) -> Finding:
        took, slow = max(shed, key=lambda one: one[0])
        observed = f"slowest rejection {ms(took)}"
        if took <= limit:
            return Finding("held", observed)
        over = sum(1 for lasted, _ in shed if lasted > limit)
        why = f"{count(over)} of {plural(len(shed), 'rejected call')} took longer than {ms(limit)}"
        return Finding("violated", observed, why, _clue(view, slow), timed=True)

    def _accepted(self, view: View, rest: Timed, limit: float) -> Finding:
        if not rest:
            return Finding("inconclusive", "", "every call was rejected, so there is no accepted call", "a lower rps=")
        found = statistics.quantile_between((_waited(one) for one in rest), 99, statistics.CONFIDENCE)
        observed = f"p99 of the accepted {ms(found.observed)}"
        if found.upper < limit:
            return Finding("held", observed)
        slow = [one for one in rest if _waited(one) >= limit]
        why = f"{count(len(slow))} of {plural(len(rest), 'accepted call')} took {ms(limit)} or more"
        if found.lower >= limit:
            return Finding("violated", observed, why, _clue(view, max(rest, key=_waited)[1]), timed=True)
        needed = statistics.enough_requests(len(slow), 0.99)
        why += f"; a proof needs {count(needed)} calls with at most {count(len(slow))} slow ones"
        return Finding("inconclusive", observed, why, more_load(view, needed))


def _waited(one: tuple[float, Request | Call]) -> float:
    return one[0] if one[1].answered else math.inf


def _clue(view: View, slow: Request | Call) -> str:
    if isinstance(slow, Call):
        return f"the call {hop_text(slow)}"
    return request_trace(view, slow)
