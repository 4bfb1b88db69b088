"""Which requests the testbed itself can have broken, and a run without them: one rule for every check.

In doubt is what slowness can cause: a timeout, a missing answer, and what follows from it (a retry, a fallback, an
ejected host, a limit that was reached). It is in doubt only if the testbed was slow for half of the time that ran out.
An answer at once, a refused connection, and what the injected fault explains are never in doubt.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from testbed.checks.judging.closing_links import is_met_by_closing_link
from testbed.checks.judging.plane import Plane, plane_of
from testbed.checks.judging.starvation import LITTLE, Hop, Starvation, slows_by_ms
from testbed.history.events import Arrival, Attempt, Call, Event, FaultEvent, Request
from testbed.history.index import Index
from testbed.history.outcomes import CLIENT_GONE, LIMIT
from testbed.spec.edges import CLIENT

FLOOR_MS = 25.0  # below this the testbed is as quick as on any machine
SHARE = 0.5  # of the time that ran out
ALMOST = 0.9  # of the time that ran out: a fault that delays by so much is the reason
LEAST_MS = 1.0  # no request takes less
CROWD_MS = 100.0  # after a stall of this length, what it held up comes all at once
LOOK_BACK_S = 10.0  # failures in this time before a refusal explain why the host was ejected
NO_FILES = "too many open files"  # what the load driver says of itself


def without_doubt(index: Index, scope: Collection[str], baseline: Collection[str] = ()) -> Index:
    """Return the run without the requests of `scope` that are in doubt, and with the others as quick as possible.

    `baseline`: requests that only become quicker, because a slow baseline makes a comparison too easy.
    """
    doubts = Doubts(index)
    out = {request.id for request in index.requests if request.id in scope and doubts.concerns(request)}
    quick = (set(scope) | set(baseline)) - out

    def change(event: Event) -> Event | None:
        if isinstance(event, Request):
            return None if event.id in out else doubts.quicker(event) if event.id in quick else event
        if not isinstance(event, Hop):
            return event
        if event.request in out:
            return None
        return doubts.quicker_call(event) if isinstance(event, Call) and event.request in quick else event

    return index.changed(change)


@dataclass(frozen=True)
class Doubts:
    """Asks of one run what its testbed can have caused."""

    index: Index

    @cached_property
    def _plane(self) -> Plane:
        return plane_of(self.index)

    @cached_property
    def _starvation(self) -> Starvation:
        return Starvation(self.index)

    def concerns(self, request: Request) -> bool:
        """Whether the testbed can be the reason for how a request ended, or for a reaction on its way."""
        if NO_FILES in request.error:
            return True
        hops = self._hops(request)
        bad = [hop for hop in hops if _failed(hop)]
        doubtful = [hop for hop in bad if self._in_doubt(hop, bad)]
        if doubtful or any(self._refused_by_doubt(hop) for hop in hops if isinstance(hop, Call) and hop.refused):
            return True
        if request.ok and not request.fallbacks:
            return False
        ends = [hop for hop in bad if isinstance(hop, Call)] or bad
        whole = self._as_hop(request)
        if any(self._says_why(hop, whole) for hop in ends):
            return False
        return self._slow(whole) or (request.ok and self._starved_reaction(whole))

    def _starved_reaction(self, whole: Call) -> bool:
        """Whether an app that reacted to a time of its own can have lacked CPU time."""
        return whole.duration_ms >= FLOOR_MS and self._starvation.slowed(whole, whole.duration_ms)

    def quicker(self, request: Request) -> Request:
        """Return a request with the shortest latency that it can have had on an idle machine."""
        late_ms = max(0.0, (request.sent - request.intended) * 1000)
        as_hop = self._as_hop(request)
        least = request.latency_ms - late_ms - self.added_ms(as_hop, self._hops(request))
        return replace(request, latency_ms=max(LEAST_MS, least))

    def quicker_call(self, call: Call) -> Call:
        """Return a call with the shortest duration that it can have had on an idle machine."""
        others = self.index.attempts.by_request.get(call.request, ())
        return replace(call, duration_ms=call.duration_ms - self.added_ms(call, others))

    def added_ms(self, hop: Hop, others: Sequence[Hop]) -> float:
        """Return the most that the testbed can have added to a hop, with all attempts that it caused."""
        once = self._plane.slowed_ms(hop.start, _end(hop))
        return min(hop.duration_ms, once * _passages(hop, others)) if once else 0.0

    def _held_up_ms(self, hop: Hop) -> float:
        late = self._plane.late.added_ms(hop.start, _end(hop))
        return max(self.added_ms(hop, self.index.attempts.by_request.get(hop.request, ())), late)

    def _hops(self, request: Request) -> Sequence[Hop]:
        index = self.index
        tries: Sequence[Attempt | Arrival] = index.attempts.by_request.get(request.id, ())
        tries = tries or index.arrivals.by_request.get(request.id, ())
        return [*tries, *index.calls.by_request.get(request.id, ())]

    def _as_hop(self, request: Request) -> Call:
        """Return a request as a call of the load."""
        edge, lasted = f"{CLIENT} -> {self.index.facts.entry}", request.latency_ms
        lasted -= (request.sent - request.intended) * 1000
        call = Call(request.id, edge, CLIENT, 1, request.sent, max(0.0, lasted), request.status)
        return replace(call, grpc_status=request.grpc_status, outcome=request.outcome)

    def _in_doubt(self, hop: Hop, bad: Sequence[Hop]) -> bool:
        """Whether slowness, or a link that was closing, explains a failed hop, and nothing below it does."""
        if isinstance(hop, Attempt) and is_met_by_closing_link(self.index, hop):
            return True
        if not self._slow(hop):
            return False
        below = (other for other in bad if other.edge != hop.edge and _within(other, hop))
        return all(self._in_doubt(other, bad) for other in below if self._says_why(other, hop))

    def _slow(self, hop: Hop) -> bool:
        """Whether the testbed can be the reason why a hop waited for so long."""
        if hop.duration_ms >= FLOOR_MS and self._starvation.timed_out(hop):
            return True
        lasted = self._waited_ms(hop)
        if not _answered(hop) and any(self._plane.full.between(hop.start, _end(hop))):
            return not self._explained(hop, 0.0)
        enough = min(self._held_up_ms(hop), lasted) >= max(FLOOR_MS, SHARE * lasted)
        return enough and not self._explained(hop, ALMOST * hop.duration_ms)

    def _says_why(self, hop: Hop, outer: Hop) -> bool:
        """Whether a failed hop shows why the one around it failed: seldom if it ended because its caller was gone."""
        if hop.outcome != CLIENT_GONE:
            return True
        return hop.duration_ms >= SHARE * outer.duration_ms and self._explained(hop, ALMOST * hop.duration_ms)

    def _waited_ms(self, hop: Hop) -> float:
        """Return how long a hop waited for what failed: for an answered error, the time of the callee."""
        if not _answered(hop):
            return hop.duration_ms
        if not self._calls_others(hop.edge.partition(" -> ")[2]):
            return 0.0  # it waited for nobody
        there = [a for a in self.index.arrivals.by_request.get(hop.request, ()) if a.edge == hop.edge]
        inside = [arrival.duration_ms for arrival in there if _within(arrival, hop) and _failed(arrival)]
        return min(inside, default=hop.duration_ms)

    def _calls_others(self, service: str) -> bool:
        return any(edge.startswith(f"{service} -> ") for edge in self.index.edges)

    def _explained(self, hop: Hop, needed_ms: float) -> bool:
        """Whether an injected fault on the edge of a hop is reason enough."""
        return any(self._explains(fault, hop, needed_ms) for fault in self.index.faults)

    def _explains(self, fault: FaultEvent, hop: Hop, needed_ms: float) -> bool:
        if not fault.injected or hop.edge not in fault.edges or not _in_force(fault, hop):
            return False
        callee = "" if isinstance(hop, Call) else hop.callee
        if callee and fault.links and f"{hop.caller}--{callee}" not in fault.links:
            return False
        if fault.plane == "inlet" and not any(
            fault.id in arrival.fault.split(",")
            for arrival in self.index.arrivals.by_request.get(hop.request, ())
            if arrival.edge == hop.edge
        ):
            return False
        return slows_by_ms(fault) >= needed_ms

    def _refused_by_doubt(self, call: Call) -> bool:
        """Whether the proxy refused a call because of what the testbed held up."""
        added = self._plane.held_up_ms(call.start - CROWD_MS / 1000, _end(call))
        if call.outcome == LIMIT:
            crowd = added >= CROWD_MS and not self._explained(call, 2 * added)
            return crowd or self._starvation.slowed(call, CROWD_MS / LITTLE)
        before = self._failures[call.edge, call.caller]
        first = bisect_left(before, (call.start - LOOK_BACK_S,))
        seen = before[first : bisect_left(before, (call.start,))]
        return bool(seen) and sum(doubtful for _, doubtful in seen) > len(seen) / 2

    @cached_property
    def _failures(self) -> Mapping[tuple[str, str], list[tuple[float, bool]]]:
        """The failed attempts of each caller on each edge in order, and whether each is in doubt."""
        found: dict[tuple[str, str], list[tuple[float, bool]]] = defaultdict(list)
        for tries in self.index.attempts.by_request.values():
            bad = [attempt for attempt in tries if _failed(attempt)]
            for attempt in bad:
                found[attempt.edge, attempt.caller].append((attempt.start, self._in_doubt(attempt, bad)))
        for rows in found.values():
            rows.sort()
        return found


def _failed(hop: Hop) -> bool:
    return not hop.answered or hop.as_http >= 500


def _answered(hop: Hop) -> bool:
    return hop.answered and not hop.outcome


def _end(hop: Hop) -> float:
    return hop.start + hop.duration_ms / 1000


def _within(inner: Hop, outer: Hop) -> bool:
    """Whether a hop began while another was under way."""
    return outer.start <= inner.start <= _end(outer)


def _passages(hop: Hop, others: Iterable[Hop]) -> int:
    """Return how often a hop passed through the testbed, with what it caused."""
    return 1 + sum(1 for other in _tries(others) if other.edge != hop.edge and _within(other, hop))


def _tries(hops: Iterable[Hop]) -> Iterator[Hop]:
    return (hop for hop in hops if not isinstance(hop, Call))


def _in_force(fault: FaultEvent, hop: Hop) -> bool:
    return hop.start < fault.end + fault.healing_s and _end(hop) > fault.start - fault.rising_s
