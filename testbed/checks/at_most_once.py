"""At most once: a call that must not be executed twice arrives at most once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from functools import partial

from testbed.checks.judging import validation
from testbed.checks.judging.base import EdgeCheck, Verdict
from testbed.checks.judging.closing_links import NEAR_S
from testbed.checks.judging.explain import request_trace
from testbed.checks.judging.formatting import count, plural, spread
from testbed.checks.judging.reach import attempts_per_request
from testbed.checks.judging.repeats import BUFFER, beyond_the_buffer, buffer_words, who_repeated
from testbed.checks.judging.unread import is_unread, may_be_unread
from testbed.checks.judging.validity import observer_of
from testbed.checks.judging.view import View
from testbed.errors import CheckError, nearest
from testbed.history.events import Arrival
from testbed.history.index import Index
from testbed.spec.edges import Edge

KNOWN = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")  # the methods of HTTP


@dataclass(frozen=True)
class at_most_once(EdgeCheck):
    """For each request of the load, a call with one of these methods and one path arrives at most once at the callee.

    It counts every arrival at the callee's inlet, because each of them can have an effect: repeated by the caller's
    proxy, by the caller, or by a retry further up, and with any result. An attempt that was refused before it was sent
    has no effect; the same is true if there was no callee process, or if a process that was just asked to end (SIGTERM)
    reset the connection without reading the request. If such a process closed the connection, the request may have been
    read or not: a count that depends on it is inconclusive. If a request sends the same call twice on purpose,
    use `at_most=2`.

    With `key="idempotency-key"`, a header of the request names the effect: arrivals with one key are one effect, and
    one call repeated with different keys is two. Other headers are named in the topology (`effectKeys:`), and so are
    fields of JSON bodies (`effectFields: [orderId]`, `key="orderId"`). An arrival without the key is an effect of its
    own.

    If all failed calls had a body above the retry buffer of the proxy (1 MiB), nothing could be repeated: the claim was
    not put to the test. Evidence: arrivals with their method and path, from the inlet, and calls for the reasons.
    """

    methods: tuple[str, ...] = field(default=("POST", "PATCH"), kw_only=True)
    at_most: int = field(default=1, kw_only=True)
    key: str | None = field(default=None, kw_only=True)

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
        if self.key is not None and (not isinstance(self.key, str) or not self.key):
            raise CheckError(f'{self}: key= is the name of a header, such as "idempotency-key"')

    def fits(self, index: Index) -> None:
        """Raise `CheckError` for an unknown edge, or a key that the inlet does not record."""
        super().fits(index)
        if self.key and self.key.lower() not in index.facts.keys:
            hint = nearest(self.key.lower(), index.facts.keys)
            remedy = f"effectKeys: [{self.key}] in the topology, or effectFields: for a JSON body"
            raise CheckError(f"{self}: the key {self.key} is not recorded: {remedy}{hint}")

    @property
    def bound(self) -> str:
        """The bound in words."""
        often = "once" if self.at_most == 1 else f"{count(self.at_most)} times"
        by = f" by {self.key}" if self.key else ""
        return f"{' or '.join(self.methods)} at most {often}{by}"

    def topic(self) -> Hashable:
        """Return name, edge and methods."""
        return (self.name, self.edge, self.methods, self.key)

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
        there = [one for one in arrivals if one.method in self.methods and not is_unread(view.index, one)]
        if shared := self._shared(there):
            return say("inconclusive", "", len(there), why=shared, next="a key that is new for each action of a user")
        times = self._times(there)
        say = partial(say, observed=spread(list(times.values()), "such call"), n=len(times))
        again = {one: number for one, number in times.items() if number > self.at_most}
        if not times:
            blind = self.edge in view.index.facts.without_inlet
            clue = "requestFaults: on for this edge" if blind else "the calls in the topology; their method="
            return say("inconclusive", why=self._none(view, arrivals), next=clue)
        if not again:
            big = beyond_the_buffer(view, self.edge, (request for request, _, _ in times))
            if big and not self._repeatable(view, there):
                why = f"not put to the test: {buffer_words(big)}"
                return say("inconclusive", why=why, next="the same claim with smaller bodies")
            return say("held", margin=f"{count(self.at_most - max(times.values()))} to spare")
        (request, method, path), most = max(again.items(), key=lambda item: item[1])
        if doubt := self._unread(view, there):
            return say("inconclusive", why=doubt, next="run the test again; a service that answers until it has ended")
        extra = sum(again.values()) - self.at_most * len(again)
        why = f"{plural(len(again), 'call')} of {count(len(times))} arrived again, {plural(extra, 'time')} in all"
        why += f"; {method} {path} arrived {count(most)} times for one request"
        same = [one for one in there if _call(one) == (request, method, path)]
        why += f"; {who}" if (who := who_repeated(view, self.edge, same)) else ""
        clue = request_trace(view, next(one for one in view.requests if one.id == request), same)
        return say("violated", margin=f"{count(most - self.at_most)} too many", why=why, next=clue)

    def unbreakable(self, view: View) -> str:
        """Return why more arrivals are allowed than the topology can cause."""
        most = attempts_per_request(view, Edge.parse(self.edge).callee)
        if self.at_most <= most:
            return ""
        return f"the topology allows at most {plural(int(most), 'attempt')} on {self.edge} per request"

    def _unread(self, view: View, arrivals: Sequence[Arrival]) -> str:
        """Return that too many arrived only if those count that a process may not have read as it ended; else ""."""
        unsure, sure = list[Arrival](), list[Arrival]()
        for one in arrivals:
            (unsure if may_be_unread(view.index, one) else sure).append(one)
        if not unsure or any(number > self.at_most for number in self._times(sure).values()):
            return ""
        return (
            f"{plural(len(unsure), 'arrival')} at {unsure[0].callee} met a connection that it closed within "
            f"{NEAR_S * 1000:g} ms of SIGTERM: whether its process had read the request is not recorded"
        )

    def _times(self, arrivals: Sequence[Arrival]) -> Counter[tuple[str, str, str]]:
        """Return the effects of each call: its arrivals, or its distinct keys."""
        effects = {(*_call(one), self._key_of(one) or id(one)) for one in arrivals}
        return Counter((request, method, path) for request, method, path, _ in effects)

    def _key_of(self, arrival: Arrival) -> str:
        start = f"{(self.key or '').lower()}: "
        return next((key for key in arrival.keys if key.lower().startswith(start)), "") if self.key else ""

    def _shared(self, arrivals: Sequence[Arrival]) -> str:
        """Return that a key does not name one effect, because several requests have it; else ""."""
        users: dict[str, set[str]] = defaultdict(set)
        for one in arrivals:
            if key := self._key_of(one):
                users[key].add(one.request)
        key, requests = max(users.items(), key=lambda item: len(item[1]), default=("", set[str]()))
        several = f"{key} came with {plural(len(requests), 'request')}: it does not name one effect"
        return several if len(requests) > 1 else ""

    def _repeatable(self, view: View, arrivals: Sequence[Arrival]) -> bool:
        """Whether a call failed that could have been repeated, or something was."""
        again = max(Counter(map(_call, arrivals)).values(), default=0) > 1
        sent = {one.request for one in arrivals}
        failed = [call for call in view.calls(self.edge) if call.request in sent and not call.ok]
        return again or any(call.sent <= BUFFER or call.attempts > 1 for call in failed)

    def _none(self, view: View, arrivals: Sequence[Arrival]) -> str:
        if self.edge in view.index.facts.without_inlet:
            return f"no inlet records what is sent over {self.edge}: its requestFaults are off"
        made = f"; {plural(len(arrivals), 'call')} arrived with another method" if arrivals else ""
        requests = plural(len(view.requests), "request")
        return f"0 of {requests} sent a {' or '.join(self.methods)} over {self.edge}{made} (at least 1 needed)"


def _call(arrival: Arrival) -> tuple[str, str, str]:
    return arrival.request, arrival.method, arrival.path
