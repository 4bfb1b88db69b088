"""Retry amplification: the number of attempts at one service that a single request at the entry causes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from testbed.checks.judging import validation
from testbed.checks.judging.base import Check, Verdict
from testbed.checks.judging.explain import request_trace
from testbed.checks.judging.formatting import count, plural, spread
from testbed.checks.judging.layers import multiplying, said
from testbed.checks.judging.reach import attempts_per_request
from testbed.checks.judging.validity import hidden_attempts, observer_of
from testbed.checks.judging.view import View
from testbed.errors import CheckError, TestbedError, nearest
from testbed.history.events import Request
from testbed.history.facts import of_the_load
from testbed.history.index import Index
from testbed.spec.edges import Edge

if TYPE_CHECKING:
    from testbed.spec.lint.amplification import Amplification

Route = tuple[str, str]  # method and path of a request at the entry


@dataclass(frozen=True)
class retry_amplification(Check):
    """No request at the entry causes more than `at_most` attempts at a service, on all edges to it together.

    Without `at_most`, the bound is computed from the topology: on each path from the request's route to the service,
    the attempts multiply (retries of the proxies and of the applications), and the paths add up. A retry budget may
    keep the number lower.

    Evidence: the attempts of every caller's proxy (or app, if it has no proxy), including refused ones. If no attempts
    are recorded, arrivals are counted. A broken link hides arrivals, so they can only prove a violation.
    """

    service: str
    at_most: int | None = field(default=None, kw_only=True)

    def validate(self) -> None:
        """Raise `CheckError` for a service without a name, or a bound that is not a whole number of 0 or more."""
        if not isinstance(self.service, str) or not self.service or "->" in self.service:
            raise CheckError(f"{self}: takes the name of a service, such as retry_amplification('pricing')")
        if self.at_most is not None:
            validation.whole(str(self), at_most=self.at_most)

    def fits(self, index: Index) -> None:
        """Raise `CheckError` for a service that the run does not have, or that only the load calls."""
        if self.on_edges(index):
            return
        callees = {Edge.parse(edge).callee for edge in index.edges if not of_the_load(edge)}
        if self.service == index.facts.entry:
            raise CheckError(f"{self}: only the load calls {self.service}, and it sends every request once")
        raise CheckError(f"{self}: no service calls {self.service!r}{nearest(self.service, callees)}")

    @property
    def bound(self) -> str:
        """The bound in words."""
        return "computed from the policies" if self.at_most is None else f"<= {count(self.at_most)} per request"

    def topic(self) -> Hashable:
        """Return name and service."""
        return (self.name, self.service)

    def on_edges(self, index: Index) -> tuple[str, ...]:
        """Return every edge from a service to this one."""
        return tuple(e for e in index.edges if Edge.parse(e).callee == self.service and not of_the_load(e))

    def needs(self, view: View) -> tuple[str, ...]:
        """Return requests and attempts (or arrivals, if no attempts are recorded)."""
        return ("requests", "attempts" if "attempts" in view.index.sources else "arrivals")

    def judge(self, view: View) -> Verdict:
        """Compare the attempts of every request with its bound."""
        edges, source = self.on_edges(view.index), self.needs(view)[1]
        say = partial(self.verdict, view, source=observer_of(view.index, source))
        try:
            implied = {} if self.at_most is not None else self._implied(view)
        except TestbedError as error:
            why = f"the recorded topology cannot be read, so there is no bound: {error}"
            return say("inconclusive", "", 0, why=why, next="give a bound: at_most=")
        number = self._counts(view, edges, source)
        bounded = [(r, number[r.id], self._most(r, implied)) for r in view.requests]
        words = self._words(implied)
        found = self._compare(
            view, partial(say, observed=spread([n for _, n, _ in bounded], "request")), bounded, edges
        )
        return replace(found, bound=words) if words else found

    def unbreakable(self, view: View) -> str:
        """Return why a given bound is above the computed one, which is the most that the topology allows."""
        most = attempts_per_request(view, self.service)
        if self.at_most is None or self.at_most <= most:
            return ""
        return f"the topology allows at most {plural(int(most), 'attempt')} at {self.service} per request"

    def _compare(
        self,
        view: View,
        say: partial[Verdict],
        bounded: Sequence[tuple[Request, int, int]],
        edges: Sequence[str],
    ) -> Verdict:
        worst, made, most = max(bounded, key=lambda one: one[1] - one[2])
        if made > most:
            over = sum(1 for _, number, bound in bounded if number > bound)
            total = sum(number for _, number, _ in bounded)
            why = f"{plural(over, 'request')} of {count(len(bounded))} exceeded it; {plural(total, 'attempt')} in all"
            margin = f"{count(made - most)} too many"
            found = multiplying(view, worst, self.service)
            why = "; ".join(filter(None, (why, said(found))))
            verdict = say("violated", n=len(bounded), margin=margin, why=why, next=request_trace(view, worst))
            named = tuple(dict.fromkeys([*(layer.edge for layer in found), *edges]))
            return replace(verdict, edge=", ".join(named), policy=view.policies(named))
        if not any(number for _, number, _ in bounded):
            why = f"0 of {plural(len(bounded), 'request')} reached {self.service} (at least 1 needed)"
            return say("inconclusive", n=len(bounded), why=why, next="does a path of the load reach this service?")
        hidden = "" if "attempts" in view.index.sources else hidden_attempts(view, edges)
        if hidden:
            next = "a mesh with a log of attempts (mesh: envoy)"
            return say("inconclusive", n=len(bounded), why=hidden, next=next)
        return say("held", n=len(bounded), margin=f"{count(most - made)} to spare")

    def _counts(self, view: View, edges: Sequence[str], source: str) -> Counter[str]:
        seen = view.attempts if source == "attempts" else view.arrivals
        return Counter(event.request for edge in edges for event in seen(edge))

    def _implied(self, view: View) -> dict[Route, Amplification]:
        """Return the bound of each kind of request, from the recorded topology. Raises `TestbedError` without one."""
        from testbed.spec.lint.amplification import amplification as implied_by
        from testbed.spec.routes import Node

        topology = view.topology
        entry = topology.services[topology.entry]
        routes = {(request.method, request.path) for request in view.requests}
        return {r: implied_by(topology, self.service, Node(topology.entry, entry.route_key(*r))) for r in routes}

    def _most(self, request: Request, implied: dict[Route, Amplification]) -> int:
        return implied[request.method, request.path].most if self.at_most is None else self.at_most

    def _words(self, implied: dict[Route, Amplification]) -> str:
        """Return `<= 9 per request (3 x 3 = 9)`, for the kind of request that may cause the most attempts."""
        if not implied:
            return ""
        worst = max(implied.values(), key=lambda one: one.most)
        sum_ = str(worst)
        return f"<= {count(worst.most)} per request" + (f" ({sum_})" if sum_ != str(worst.most) else "")
