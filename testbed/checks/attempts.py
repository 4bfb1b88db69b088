"""Attempts: the exact number of attempts of a call or a request on one edge."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, cast

from testbed.checks.judging import validation
from testbed.checks.judging.base import Check, EdgeCheck, Verdict
from testbed.checks.judging.explain import request_trace
from testbed.checks.judging.formatting import count, plural, spread, tally
from testbed.checks.judging.layers import multiplying, said
from testbed.checks.judging.reach import attempts_per_call, attempts_per_request
from testbed.checks.judging.repeats import beyond_the_buffer, buffer_words
from testbed.checks.judging.validity import hidden_attempts, observer_of
from testbed.checks.judging.view import View
from testbed.errors import CheckError, nearest
from testbed.history.events import Arrival, Attempt, Request
from testbed.history.facts import of_the_load
from testbed.history.index import Index
from testbed.spec.edges import Edge
from testbed.spec.grpc_status import name_of

Hop = Attempt | Arrival
_SIGNS = {"at_most": "<=", "at_least": ">=", "exactly": "exactly"}

Counts = Sequence[tuple[int, str]]  # the number of attempts, and the id of their request


@dataclass(frozen=True)
class attempts(EdgeCheck):
    """Every call on an edge (`per="request"`: every request of the load) took this number of attempts there.

    2 retries are at most 3 attempts. The caller's proxy counts them, or the app's own log if there is no proxy. If
    neither records attempts, arrivals are counted. A broken link hides arrivals, so they can only prove a violation.
    With `grpc_status` ("UNAVAILABLE", or several), only attempts that ended with it are counted.
    """

    exactly: int | None = field(default=None, kw_only=True)
    at_most: int | None = field(default=None, kw_only=True)
    at_least: int | None = field(default=None, kw_only=True)
    per: Literal["call", "request"] = field(default="call", kw_only=True)
    grpc_status: str | tuple[str, ...] | None = field(default=None, kw_only=True)

    def validate(self) -> None:
        """Raise `CheckError` unless there is one bound, a whole number of 0 or more (1 or more for at_least)."""
        head = f"attempts({self.edge!r})"
        validation.whole(str(self), **validation.exactly_one(head, **self._given))
        if self.at_least == 0:
            raise CheckError(f"{self}: at_least=0 would always hold")
        if self.per not in ("call", "request"):
            raise CheckError(f"{self}: there is no per={self.per!r}{nearest(str(self.per), ('call', 'request'))}")
        validation.grpc_statuses(str(self), self.grpc_status)

    def fits(self, index: Index) -> None:
        """Raise `CheckError` for an unknown edge, and for the edge of the load, which never retries."""
        super().fits(index)
        if of_the_load(self.edge):
            raise CheckError(f"{self}: the load sends every request once; name an edge between two services")
        if self.grpc_status is not None:
            validation.carries(str(self), index, self.edge, grpc=True)

    @property
    def _given(self) -> dict[str, int | None]:
        return {"exactly": self.exactly, "at_most": self.at_most, "at_least": self.at_least}

    @property
    def bound(self) -> str:
        """The bound in words."""
        kind, number = next((kind, number) for kind, number in self._given.items() if number is not None)
        which = f" that ended with {' or '.join(map(name_of, self._wanted))}" if self._wanted else ""
        return f"{_SIGNS[kind]} {number} per {self.per}{which}"

    @property
    def _wanted(self) -> tuple[int, ...]:
        return validation.grpc_statuses(str(self), self.grpc_status)

    def _counts_in(self, hop: Hop) -> bool:
        """Whether it ended with a wanted status, or every status is wanted."""
        return not self._wanted or hop.grpc_status in self._wanted

    @property
    def least(self) -> int:
        """The fewest attempts allowed."""
        return self.exactly if self.exactly is not None else self.at_least or 0

    @property
    def most(self) -> float:
        """The most attempts allowed, infinite without an upper bound."""
        bound = self.exactly if self.exactly is not None else self.at_most
        return math.inf if bound is None else bound

    @property
    def reaction(self) -> bool:
        """Whether the claim needs a second attempt, which only a fault causes."""
        return self.least > 1

    def topic(self) -> Hashable:
        """Return edge, unit and kind of bound."""
        bounds = (kind for kind, value in self._given.items() if value is not None)
        return (self.name, self.edge, self.per, self._wanted, *bounds)

    def contradicts(self, other: Check) -> str:
        """Return why two bounds on one edge cannot both hold."""
        if not isinstance(other, attempts) or (other.edge, other.per) != (self.edge, self.per):
            return ""
        if other._wanted != self._wanted:
            return ""
        if self.least > other.most or other.least > self.most:
            return "no number of attempts satisfies both"
        return "exactly= includes the other bound" if {self.exactly, other.exactly} != {None} else ""

    def needs(self, view: View) -> tuple[str, ...]:
        """Return requests, and attempts (or arrivals); also calls if a call without an attempt matters."""
        if "attempts" not in view.index.sources:
            return ("requests", "arrivals")
        return ("requests", "attempts", "calls") if self.least and self.per == "call" else ("requests", "attempts")

    def judge(self, view: View) -> Verdict:
        """Compare every count with the bound."""
        at_caller = "attempts" in view.index.sources
        source = observer_of(view.index, "attempts" if at_caller else "arrivals")
        say = partial(self.verdict, view, source=source)
        if self.per == "call" and (blind := self._calls_unknown(view, at_caller)):
            return say("inconclusive", "", 0, why=blind, next='per="request" needs no call ids')
        counts = self._counts(view, at_caller)
        say = partial(say, observed=spread([number for number, _ in counts], self.per), n=len(counts))
        wrong = [one for one in counts if not self.least <= one[0] <= self.most]
        hidden = "" if at_caller else hidden_attempts(view, (self.edge,))
        if wrong and not (hidden and all(number <= self.most for number, _ in wrong)):
            reasons = (self._why(counts, wrong), self._buffer(view, wrong), self._layers(view, wrong))
            why = "; ".join(filter(None, reasons))
            return say("violated", margin=self._off(wrong), why=why, next=self._clue(view, wrong))
        if not counts or (not any(number for number, _ in counts) and self.most > 0 and not view.calls(self.edge)):
            why = f"0 of {plural(len(view.requests), 'request')} used {self.edge} (at least 1 needed)"
            return say("inconclusive", why=why, next="does a path of the load use this edge?")
        if hidden and (wrong or self.most < math.inf):
            return say("inconclusive", why=hidden, next="a mesh with a log of attempts (mesh: envoy)")
        return say("held", margin=self._spare(counts))

    def unbreakable(self, view: View) -> str:
        """Return why more attempts are allowed than the policy, or all policies on the way, can make."""
        if self.per == "call":
            most, by = attempts_per_call(view, self.edge), f"the policy of {self.edge}"
        else:
            most, by = attempts_per_request(view, Edge.parse(self.edge).callee), "the topology"
        if self.at_most is None or self.at_most <= most:
            return ""
        return f"{by} allows at most {plural(cast(int, most), 'attempt')} per {self.per}"

    def _calls_unknown(self, view: View, at_caller: bool) -> str:
        if not at_caller:
            return "arrivals do not show which call they belong to, and this mesh records no attempts"
        nameless = sum(1 for attempt in view.attempts(self.edge) if not attempt.call)
        return f"{plural(nameless, 'attempt')} on {self.edge} without a call id" if nameless else ""

    def _counts(self, view: View, at_caller: bool) -> Counts:
        """Return one count for each call or request, those without any attempt included."""
        if self.per == "request":
            seen: Sequence[Hop] = view.attempts(self.edge) if at_caller else view.arrivals(self.edge)
            number = Counter(event.request for event in seen if self._counts_in(event))
            return [(number[request.id], request.id) for request in view.requests]
        tries = view.attempts(self.edge)
        request_of = {call.call: call.request for call in view.calls(self.edge) if call.call}
        request_of |= {attempt.call: attempt.request for attempt in tries}
        number = Counter(attempt.call for attempt in tries if self._counts_in(attempt))
        return [(number[call], request) for call, request in request_of.items()]

    def _off(self, wrong: Counts) -> str:
        most, fewest = max(number for number, _ in wrong), min(number for number, _ in wrong)
        return f"{cast(int, most - self.most)} too many" if most > self.most else f"{self.least - fewest} too few"

    def _spare(self, counts: Counts) -> str:
        if self.exactly is not None:
            return "all equal"
        numbers = [number for number, _ in counts]
        return f"{(self.most - max(numbers)) if self.at_most is not None else min(numbers) - self.least} to spare"

    def _why(self, counts: Counts, wrong: Counts) -> str:
        total = sum(number for number, _ in counts)
        share = f"{plural(len(wrong), self.per)} of {count(len(counts))} took another number of attempts"
        found = tally([str(number) for number, _ in wrong])
        return f"{share} (number x {self.per}s: {found}); {plural(total, 'attempt')} in all"

    def _buffer(self, view: View, wrong: Counts) -> str:
        """Return that bodies were too big to be repeated, "" if they were not, or if there are too many attempts."""
        few = [request for number, request in wrong if number < self.least]
        calls = beyond_the_buffer(view, self.edge, few)
        return buffer_words(calls) if calls else ""

    def _layers(self, view: View, wrong: Counts) -> str:
        """Return which layers multiplied the attempts of a request, "" for attempts of one call, or too few of them."""
        if self.per == "call" or max(wrong)[0] <= self.most:
            return ""
        return said(multiplying(view, self._worst(view, wrong), Edge.parse(self.edge).callee))

    def _worst(self, view: View, wrong: Counts) -> Request:
        chosen = (max if any(number > self.most for number, _ in wrong) else min)(wrong)[1]
        return next(request for request in view.requests if request.id == chosen)

    def _clue(self, view: View, wrong: Counts) -> str:
        return request_trace(view, self._worst(view, wrong))
