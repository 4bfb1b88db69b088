"""Deadline propagation: no service starts work after its caller stopped waiting. It also measures the wasted work."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import ClassVar

from testbed.checks.judging import validation
from testbed.checks.judging.base import EdgeCheck, Verdict
from testbed.checks.judging.explain import hop_text, request_trace
from testbed.checks.judging.formatting import count, ms, percent, plural, tally, trim
from testbed.checks.judging.given_up import gave_up
from testbed.checks.judging.validity import observer_of
from testbed.checks.judging.view import View
from testbed.errors import CheckError, TestbedError
from testbed.history.events import Arrival, Attempt, Request
from testbed.history.index import Index
from testbed.history.outcomes import CLIENT_GONE

Key = tuple[object, ...]
NOTHING_GIVEN_UP = "no call was given up: no deadline or timeout ended one, so no work could come too late"
GIVE_UP = "a fault that lasts longer than the timeouts of the callers, such as delay(ms=)"


@dataclass(frozen=True)
class deadline_propagation(EdgeCheck):
    """No callee receives a request after its caller gave up that attempt, or after the whole request ended.

    A request is late if it arrives at the inlet more than `grace_ms` after the end of its attempt (of each attempt
    that it may belong to), or after the end of the load's request. The bound is 0 late requests. Without an edge the
    check covers all edges except tcp edges, where arrivals are not recorded. Where no caller gave up, nothing could be
    late, and the check is inconclusive.

    It also reports wasted work: the share of the time from arrival to answer that belongs to answers without a waiting
    caller. `wasted_percent=` is a bound for it; without, it is only reported, because each timeout wastes the work that
    its callee has begun. The real share may be higher: the inlet does not see the work of an app after its caller
    disconnects, nor an attempt further up that was given up while the request went on.

    Evidence: arrivals (inlet), attempts (caller's proxy or app) and the load's requests.
    """

    edge: str = ""
    wasted_percent: float | None = field(default=None, kw_only=True)
    grace_ms: float = field(default=10.0, kw_only=True)

    slack: ClassVar[tuple[str, ...]] = ("grace_ms",)

    def validate(self) -> None:
        """Raise `CheckError` unless the percentage is above 0 and below 100, and the grace above 0."""
        if self.wasted_percent is not None:
            validation.percentage(str(self), wasted_percent=self.wasted_percent)
            if self.wasted_percent == 100:
                raise CheckError(f"{self}: wasted_percent=100 would always hold: give a lower one, or none")
        validation.positive(str(self), grace_ms=self.grace_ms)

    def fits(self, index: Index) -> None:
        """Raise `CheckError` for an unknown edge."""
        if self.edge:
            super().fits(index)

    @property
    def bound(self) -> str:
        """The bound in words."""
        waste = "" if self.wasted_percent is None else f", <= {trim(f'{self.wasted_percent:.6f}')} % wasted"
        return f"0 late{waste}"

    def topic(self) -> Hashable:
        """Return name and edge: a bound on wasted work is part of the same claim."""
        return (self.name, self.edge)

    def on_edges(self, index: Index) -> tuple[str, ...]:
        """Return the edge, or every one that carries requests."""
        return (self.edge,) if self.edge else tuple(edge for edge in index.edges if not index.facts.is_tcp(edge))

    def needs(self, view: View) -> tuple[str, ...]:
        """Return requests, arrivals and attempts."""
        return ("requests", "arrivals", "attempts")

    def judge(self, view: View) -> Verdict:
        """Compare every arrival with the end of its attempt and of its request."""
        arrivals = [arrival for edge in self.on_edges(view.index) for arrival in view.arrivals(edge)]
        say = partial(self.verdict, view, n=len(arrivals), source=f"inlet and {observer_of(view.index, 'attempts')}")
        if not arrivals:
            on = self.edge or "any edge"
            why = f"0 of {plural(len(view.requests), 'request')} arrived on {on} (at least 1 needed)"
            return say("inconclusive", "no arrival", why=why, next=self._unseen(view))
        patience = _Patience(view)
        late = [a for a in arrivals if patience.over(a, a.start - self.grace_ms / 1000)]
        wasted = [a for a in arrivals if patience.over(a, _end(a) - self.grace_ms / 1000) or _client_disconnected(a)]
        share = _work(wasted) / (_work(arrivals) or 1.0)
        observed = f"{count(len(late))} of {count(len(arrivals))} late; wasted: {percent(share)} of the work"
        say = partial(say, observed=f"{observed} ({plural(len(wasted), 'arrival')}, {ms(_work(wasted))})")
        if late:
            return self._late(view, say("violated", margin=f"{count(len(late))} too many"), late, patience)
        if self.wasted_percent is not None and share * 100 > self.wasted_percent:
            why = f"on {_by_edge(wasted)} the answer came after the caller stopped waiting"
            clue = self._clue(view, max(wasted, key=lambda arrival: arrival.duration_ms))
            margin = f"{trim(f'{share * 100 - self.wasted_percent:.2f}')} percentage points over"
            return self._named(view, say("violated", margin=margin, why=why, next=clue), wasted)
        if self.wasted_percent is None and not gave_up(view, self.on_edges(view.index)):
            return say("inconclusive", why=NOTHING_GIVEN_UP, next=GIVE_UP)
        spare = (
            ""
            if self.wasted_percent is None
            else f"{trim(f'{self.wasted_percent - share * 100:.2f}')} percentage points to spare"
        )
        return say("held", margin=spare or "0 late")

    def _unseen(self, view: View) -> str:
        """Return what to look at where nothing arrived: the edges without an inlet, if there are any."""
        try:
            topology = view.topology
        except TestbedError:
            return "the paths of the load"
        here = [edge for edge in map(str, topology.edges()) if edge in self.on_edges(view.index)]
        off = [edge for edge in here if not topology.has_request_faults(edge)]
        return f"requestFaults: off hides the arrivals on {', '.join(off)}" if off else "the paths of the load"

    def _late(self, view: View, verdict: Verdict, late: Sequence[Arrival], patience: _Patience) -> Verdict:
        ended = sum(1 for arrival in late if patience.request_over(arrival, arrival.start))
        why = f"work began after the caller gave up: {_by_edge(late)}; for {count(ended)} the whole request was over"
        return self._named(view, replace(verdict, why=why, next=self._clue(view, late[0])), late)

    def _named(self, view: View, verdict: Verdict, arrivals: Sequence[Arrival]) -> Verdict:
        """Name only the edges of these arrivals."""
        edges = tuple(dict.fromkeys(arrival.edge for arrival in arrivals))
        return replace(verdict, edge=", ".join(edges), policy=view.policies(edges))

    def _clue(self, view: View, arrival: Arrival) -> str:
        request = next(request for request in view.requests if request.id == arrival.request)
        after = ms((arrival.start - request.intended) * 1000)
        return f"the arrival {hop_text(arrival)}, {after} after the request was due\n{request_trace(view, request)}"


class _Patience:
    """The times at which the callers of these requests, and the load itself, stopped waiting."""

    def __init__(self, view: View) -> None:
        self._requests: Mapping[str, Request] = {request.id: request for request in view.requests}
        self._attempts: dict[Key, list[Attempt]] = defaultdict(list)
        for request in self._requests:
            for attempt in view.index.attempts.by_request.get(request, ()):
                self._attempts[_key(attempt, attempt.number, attempt.source == "proxy")].append(attempt)
        self._numbered = all(attempt.source == "proxy" for attempt in view.index.attempts.all)

    def over(self, arrival: Arrival, moment: float) -> bool:
        """Whether the caller of this arrival had stopped waiting by then."""
        return self.request_over(arrival, moment) or self._attempt_over(arrival, moment)

    def request_over(self, arrival: Arrival, moment: float) -> bool:
        """Whether the load's request had ended by then."""
        request = self._requests[arrival.request]
        return request.intended + request.latency_ms / 1000 < moment

    def _attempt_over(self, arrival: Arrival, moment: float) -> bool:
        """Whether every attempt that this arrival may belong to had ended by then."""
        may_be = self._attempts.get(_key(arrival, arrival.attempt, self._numbered), [])
        return bool(may_be) and all(_end(attempt) < moment for attempt in may_be)


def _key(hop: Attempt | Arrival, number: int, numbered: bool) -> Key:
    """Return the key that joins arrivals and attempts. An app numbers its attempts, arrivals have no number.

    The caller is not part of it: replicas that share the proxy of a node look the same in arrivals.
    """
    return (hop.request, hop.edge, hop.callee, number if numbered else 0)


def _end(hop: Attempt | Arrival) -> float:
    return hop.start + hop.duration_ms / 1000


def _client_disconnected(arrival: Arrival) -> bool:
    """Whether the caller closed its connection before the answer."""
    return arrival.outcome == CLIENT_GONE


def _work(arrivals: Sequence[Arrival]) -> float:
    return sum(arrival.duration_ms for arrival in arrivals)


def _by_edge(arrivals: Sequence[Arrival]) -> str:
    return tally([arrival.edge for arrival in arrivals])
