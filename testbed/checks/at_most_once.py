"""At most once: a call that must not be executed twice arrives at most once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from functools import partial

from testbed.checks.judging import validation
from testbed.checks.judging.base import EdgeCheck, Verdict
from testbed.checks.judging.explain import request_trace
from testbed.checks.judging.formatting import count, plural, spread
from testbed.checks.judging.reach import attempts_per_request
from testbed.checks.judging.validity import observer_of
from testbed.checks.judging.view import View
from testbed.errors import CheckError, nearest
from testbed.history.events import Arrival
from testbed.history.outcomes import CONNECT_FAILED
from testbed.spec.edges import Edge

KNOWN = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")  # the methods of HTTP


@dataclass(frozen=True)
class at_most_once(EdgeCheck):
    """For each request of the load, a call with one of these methods and one path arrives at most once at the callee.

    It counts every arrival at the callee's inlet, because each of them can have an effect: repeated by the caller's
    proxy, by the caller, or by a retry further up, and with any result. An attempt that was refused before it was sent
    has no effect; the same is true if there was no callee process. If a request sends the same call twice on purpose,
    use `at_most=2`.

    Evidence: arrivals with their method and path, from the inlet.
    """

    methods: tuple[str, ...] = field(default=("POST", "PATCH"), kw_only=True)
    at_most: int = field(default=1, kw_only=True)

    def validate(self) -> None:
        """Raise `CheckError` for no method, an unknown one, or a number that is not at least 1."""
        if not isinstance(self.methods, tuple | list | set | frozenset) or not self.methods:
            raise CheckError(f'{self}: methods is a list of methods such as ("POST", "PATCH")')
        object.__setattr__(self, "methods", tuple(self.methods))
        for method in self.methods:
            if method not in KNOWN:
                raise CheckError(f"{self}: there is no method {method!r}{nearest(str(method).upper(), KNOWN)}")
        validation.whole(str(self), at_most=self.at_most)
        validation.positive(str(self), at_most=self.at_most)

    @property
    def bound(self) -> str:
        """The bound in words."""
        often = "once" if self.at_most == 1 else f"{count(self.at_most)} times"
        return f"{' or '.join(self.methods)} at most {often}"

    def topic(self) -> Hashable:
        """Return name, edge and methods."""
        return (self.name, self.edge, self.methods)

    def needs(self, view: View) -> tuple[str, ...]:
        """Return requests and arrivals."""
        return ("requests", "arrivals")

    def judge(self, view: View) -> Verdict:
        """Count the arrivals of each call."""
        arrivals = view.arrivals(self.edge)
        say = partial(self.verdict, view, source=observer_of(view.index, "arrivals"))
        nameless = sum(1 for arrival in arrivals if not arrival.method)
        if nameless:
            why = f"{plural(nameless, 'arrival')} on {self.edge} without a method: the history is from an older version"
            return say("inconclusive", "", 0, why=why, next="run the test again")
        times = self._times(arrivals)
        say = partial(say, observed=spread(list(times.values()), "such call"), n=len(times))
        again = {one: number for one, number in times.items() if number > self.at_most}
        if not times:
            return say("inconclusive", why=self._none(view, arrivals), next="the calls in the topology; their method=")
        if not again:
            return say("held", margin=f"{count(self.at_most - max(times.values()))} to spare")
        (request, method, path), most = max(again.items(), key=lambda item: item[1])
        extra = sum(again.values()) - self.at_most * len(again)
        why = f"{plural(len(again), 'call')} of {count(len(times))} arrived again, {plural(extra, 'time')} in all"
        why += f"; {method} {path} arrived {count(most)} times for one request"
        effects = [one for one in arrivals if _is_effect(one) and _call(one) == (request, method, path)]
        clue = request_trace(view, next(one for one in view.requests if one.id == request), effects)
        return say("violated", margin=f"{count(most - self.at_most)} too many", why=why, next=clue)

    def unbreakable(self, view: View) -> str:
        """Return why more arrivals are allowed than the topology can cause."""
        most = attempts_per_request(view, Edge.parse(self.edge).callee)
        if self.at_most <= most:
            return ""
        return f"the topology allows at most {plural(int(most), 'attempt')} on {self.edge} per request"

    def _times(self, arrivals: Sequence[Arrival]) -> Counter[tuple[str, str, str]]:
        return Counter(_call(one) for one in arrivals if one.method in self.methods and _is_effect(one))

    def _none(self, view: View, arrivals: Sequence[Arrival]) -> str:
        made = f"; {plural(len(arrivals), 'call')} arrived with another method" if arrivals else ""
        requests = plural(len(view.requests), "request")
        return f"0 of {requests} sent a {' or '.join(self.methods)} over {self.edge}{made} (at least 1 needed)"


def _call(arrival: Arrival) -> tuple[str, str, str]:
    return arrival.request, arrival.method, arrival.path


def _is_effect(arrival: Arrival) -> bool:
    """Whether the callee got it: the inlet cannot pass a request on if the callee's process is down."""
    return not (arrival.own and arrival.outcome == CONNECT_FAILED)
