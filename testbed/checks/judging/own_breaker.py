"""The breaker of an app itself, where no proxy could refuse: requests that are answered without their usual call."""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from operator import attrgetter
from statistics import median

from testbed.checks.judging.formatting import plural
from testbed.checks.judging.proxies import failed
from testbed.history.events import Arrival, Attempt, Call, FaultEvent, Request
from testbed.history.index import Index, remembered
from testbed.history.outcomes import CLIENT_GONE, IN_FLIGHT, SKIPPED, TIMEOUT
from testbed.history.requests_at import arrivals_at, first_fault, sent_on
from testbed.spec.edges import Edge

IN_A_ROW = 3  # requests without their call, one after the other, that show an open breaker
USUAL = 0.95  # of the requests of a kind that call the edge before the fault: only such kinds are judged
WAITING = (CLIENT_GONE, IN_FLIGHT)  # outcomes of requests that an app had taken and not answered
FEWEST = 10  # requests before the fault, and after the first failure, that are needed for a conclusion


@dataclass(frozen=True)
class Seen:
    """One request at the caller, and whether it made its call."""

    at: float  # its arrival
    calls: int  # attempts on the edge
    waiting: int  # calls of this caller on the edge under way at its arrival


@dataclass(frozen=True)
class OwnBreaker:
    """What one replica of the caller did on an edge: which of its requests made their call, and which did not.

    Judged are kinds of requests (method and path) that made the call before the fault. A request counts as refused if
    it is one of several in a row that got an answer of the caller quickly and made no call, after a call had failed,
    while fewer calls were under way than when others made theirs (else it is a limit, and no breaker).
    """

    replica: str
    calls: Sequence[Call]
    sent: Sequence[Attempt]
    before: int  # requests of these kinds before the fault
    seen: Sequence[Seen]  # those from the first failed call on

    @property
    def name(self) -> str:
        """The replica, and that its app is judged."""
        return f"{self.replica} (the app itself)"

    @cached_property
    def refusals(self) -> Sequence[tuple[float, str]]:
        """The arrivals of the requests that it answered without the call."""
        most = max((one.waiting for one in self.seen if one.calls), default=0)
        rows = ([*row] for skipped, row in groupby(self.seen, lambda one: not one.calls) if skipped)
        return [
            (one.at, SKIPPED)
            for row in rows
            if len(row) >= IN_A_ROW and not 0 < most <= median(one.waiting for one in row)
            for one in row
        ]

    def series(self, opened: float, end: float) -> Iterator[tuple[int, bool]]:
        """Yield each series of attempts after the opening; each may be a trial, which only its length can tell."""
        refused = {at for at, _ in self.refusals}
        chosen = [one for one in self.seen if opened <= one.at < end and (one.calls or one.at in refused)]
        for calling, row in groupby(chosen, lambda one: one.calls > 0):
            if calling:
                yield sum(one.calls for one in row), True

    def account(self, start: float, end: float) -> str:
        """Return how many of the requests in a period made their call."""
        there = [one for one in self.seen if start <= one.at < end]
        called = sum(1 for one in there if one.calls)
        said = f"{plural(called, 'call')} for {plural(len(there), 'request')} after the first failure"
        limited = len(there) - called >= IN_A_ROW and called and not self.refusals
        return f"{said} (the others: only while as many calls were under way, as at a bulkhead)" if limited else said

    def reached(self, start: float, end: float) -> int:
        """Return how many of the requests arrived in a period."""
        return sum(1 for one in self.seen if start <= one.at < end)

    @property
    def doubt(self) -> str:
        """Why a missing call of this replica shows nothing, "" if it does."""
        if self.before >= FEWEST:
            return ""
        why = f"before the fault only {plural(self.before, 'request')} at {self.replica} were of a kind that always "
        return f"{why}makes this call ({FEWEST} needed), so a missing call does not show an open breaker"


def own_breakers(index: Index, edge: str, faults: Sequence[FaultEvent]) -> list[OwnBreaker]:
    """Return what each replica of the caller did on an edge, for requests of the load."""
    callers = dict.fromkeys(call.caller for call in index.calls.on(edge) if call.request)
    return [_of(index, edge, replica, faults) for replica in callers]


def _of(index: Index, edge: str, replica: str, faults: Sequence[FaultEvent]) -> OwnBreaker:
    calls = [call for call in index.calls.on(edge) if call.caller == replica and call.request]
    sent = sorted((a for a in index.attempts.on(edge) if a.caller == replica and a.request), key=lambda one: one.start)
    reached = sorted(_reached_at(index, edge, replica), key=lambda one: one.at)
    before = [one for one in reached if one.at < first_fault(index)]
    tries = Counter(one.request for one in sent)
    usual = _usual_kinds(before, tries)
    unknown = _elsewhere(index, edge, replica) | _perhaps_cached(reached, tries, first_fault(index))
    bad = [one for one in sent if failed(one) and one.start >= min(fault.start for fault in faults)]
    failing_since = min((one.start + one.duration_ms / 1000 for one in bad), default=math.inf)
    slow, waiting = _slow_ms(before, bad), _under_way(calls)
    seen = [
        Seen(one.at, tries[one.request], waiting(one.at))
        for one in reached
        if one.at >= failing_since and one.kind in usual
        if tries[one.request] or (one.answered and one.ms <= slow and one.request not in unknown)
    ]
    return OwnBreaker(replica, calls, sent, sum(usual.values()), seen)


@remembered
def answered_without_call(index: Index, edge: str) -> Set[str]:
    """Return the requests that the caller of an edge took and made no call for, though they are of a kind that did.

    Judged are kinds of requests that made the call before the first fault.
    """
    replicas = index.facts.replicas.get(Edge.parse(edge).caller, ())
    tries = Counter(one.request for one in sent_on(index, edge))
    found: set[str] = set()
    for replica in replicas:
        there = sorted(_reached_at(index, edge, replica), key=lambda one: one.at)
        usual = _usual_kinds([one for one in there if one.at < first_fault(index)], tries)
        found |= {one.request for one in there if one.taken and one.kind in usual and not tries[one.request]}
    return found


@dataclass(frozen=True)
class _Reached:
    """One request that reached the caller; `answered` by the caller itself, or at least `taken` by it."""

    at: float
    request: str
    user: str
    path: str
    kind: str
    answered: bool
    ms: float
    taken: bool


def _reached_at(index: Index, edge: str, replica: str) -> Iterator[_Reached]:
    """Yield the requests at one replica; where its inlet records nothing, the load's own."""
    there = [one for one in arrivals_at(index, Edge.parse(edge).caller) if one.callee == replica and one.request]
    users = {request.id: request.user for request in index.requests}
    for one in there:
        answered = one.answered and not one.own and not one.fault
        user, taken = users.get(one.request, ""), answered or (not one.fault and one.outcome in WAITING)
        yield _Reached(one.start, one.request, user, one.path, _kind(one), answered, one.duration_ms, taken)
    for request in index.requests if not there else ():
        if request.replica == replica:
            answered, took = request.answered, request.latency_ms
            taken = answered or TIMEOUT in (request.outcome, request.error)
            yield _Reached(request.sent, request.id, request.user, request.path, _kind(request), answered, took, taken)


def _kind(one: Arrival | Request) -> str:
    """Return method and path, without the query; a part with a digit is an id."""
    parts = one.path.partition("?")[0].split("/")
    return f"{one.method} {'/'.join('*' if re.search(r'[0-9]', part) else part for part in parts)}"


def _usual_kinds(before: Sequence[_Reached], tries: Mapping[str, int]) -> dict[str, int]:
    """Return the kinds of requests that nearly always made the call shortly before the fault, with their numbers.

    What came before a row of requests without the call is left out: the breaker may still have been open there.
    """
    kinds: dict[str, list[bool]] = defaultdict(list)
    for one in before:
        recent, called = kinds[one.kind], tries[one.request] > 0
        if called or recent:
            recent.append(called)
        if len(recent) >= IN_A_ROW and not any(recent[-IN_A_ROW:]):
            recent.clear()
    return {kind: len(m) for kind, m in kinds.items() if len(m) >= IN_A_ROW and sum(m) >= USUAL * len(m)}


def _perhaps_cached(reached: Sequence[_Reached], tries: Mapping[str, int], begun: float) -> set[str]:
    """Return the requests that repeat an answered one, if no repetition before the fault shows that it calls again.

    A repetition has the same path, or the same path and user: a cache may answer it.
    """
    found: set[str] = set()
    for key in (attrgetter("path"), attrgetter("path", "user")):
        asked: set[object] = set()
        again: set[str] = set()
        for one in reached:
            if key(one) in asked:
                if one.at < begun and tries[one.request]:
                    again = set()
                    break
                again.add(one.request)
            elif tries[one.request] and one.at < begun:
                asked.add(key(one))
        found |= again
    return found


def _elsewhere(index: Index, edge: str, replica: str) -> set[str]:
    """Return the requests that may have ended early because another call of the same replica failed."""
    others = [one for one in index.edges if one.startswith(f"{Edge.parse(edge).caller} -> ") and one != edge]
    calls = [call for other in others for call in index.calls.on(other) if call.caller == replica]
    return {call.request for call in calls if call.refused or not call.whole or not 200 <= call.as_http < 500}


def _slow_ms(before: Sequence[_Reached], bad: Sequence[Attempt]) -> float:
    """Return how long an answer without the call may take: a longer one was queued, because the caller was busy."""
    usual = sorted(one.ms for one in before) or [0.0]
    return max(50.0, 2 * usual[int(0.95 * (len(usual) - 1))], median(one.duration_ms for one in bad) / 2 if bad else 0)


def _under_way(calls: Sequence[Call]) -> Callable[[float], int]:
    """Return a function that counts the calls under way at a moment."""
    starts = sorted(call.start for call in calls)
    ends = sorted(call.start + call.duration_ms / 1000 for call in calls)
    return lambda at: bisect_left(starts, at) - bisect_left(ends, at)
