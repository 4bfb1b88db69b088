"""Links of services that no request of a run used, and what the record shows instead."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from testbed.history.counters import CONNECTIONS
from testbed.history.detours import Detour, detours
from testbed.history.events import Arrival, Call
from testbed.history.index import Index, remembered
from testbed.history.outcomes import REJECTED
from testbed.history.requests_at import arrivals_at, first_fault, inner_edges, sent_on
from testbed.spec.edges import CLIENT
from testbed.spec.meshes import capabilities

ENOUGH = 20  # requests that are needed to call a link unused


@dataclass(frozen=True)
class UnusedLink:
    """A link that its caller did not use in any of these requests."""

    edge: str
    requests: int

    def __str__(self) -> str:
        """Return it as a sentence."""
        caller, _, callee = self.edge.partition(" -> ")
        return (
            f"{caller} never used its link to {callee} in {self.requests} requests: it bypasses the mesh, "
            f"or it does not call {callee}"
        )

    @property
    def remedy(self) -> str:
        """What to check."""
        caller, _, callee = self.edge.partition(" -> ")
        name = callee.upper().replace("-", "_")
        return (
            f"does {caller} take {name}_URL or {name}_ADDR from its environment, or a variable of its own with "
            f"{{{{upstream.{callee}.address}}}}? If these requests do not need {callee}, send some that do"
        )


WHAT = {  # by Envoy's details of the answer
    "low_version": "HTTP/1.0",
    "upgrade": "an upgrade of the connection (WebSocket)",
    "codec_error": "no valid HTTP/1.1, such as two lengths, or a path with bytes beyond ASCII",
    "content_type": "a QUERY without a content-type",
    "headers_too_large": "a head that is too large",
    "too_many_headers": "too many headers",
    "426": "HTTP/1.0",
    "431": "a head that is too large, or too many headers",
}


@dataclass(frozen=True)
class RejectedCalls:
    """Calls that a proxy answered itself, because it does not accept what the app sends."""

    who: str  # "the caller's proxy" or "the inlet"
    edge: str
    rejected: int
    calls: int
    statuses: tuple[tuple[str, int], ...]  # "426 (low_version: HTTP/1.0)" and how often

    def __str__(self) -> str:
        """Return it as a sentence."""
        said = ", ".join(f"{status} x {number}" for status, number in self.statuses)
        return f"{self.who} did not accept {self.rejected} of {self.calls} calls on {self.edge}: {said}"

    @property
    def remedy(self) -> str:
        """What to look at."""
        caller = self.edge.partition(" -> ")[0]
        return f"no fault acts on these calls, and they never reached the callee: what does {caller} send?"


@remembered
def rejected_calls(index: Index) -> Sequence[RejectedCalls]:
    """Return the edges on which a proxy did not accept calls."""
    return tuple(found for edge in inner_edges(index) for found in _rejected(index, edge))


def _rejected(index: Index, edge: str) -> Iterator[RejectedCalls]:
    seen: dict[str, Sequence[Call | Arrival]]
    seen = {"the caller's proxy": index.calls.on(edge), "the inlet": index.arrivals.on(edge)}
    for who, calls in seen.items():
        if found := Counter(_answer(call) for call in calls if call.outcome == REJECTED):
            yield RejectedCalls(who, edge, found.total(), len(calls), tuple(found.most_common()))


def _answer(call: Call | Arrival) -> str:
    what = next((words for sign, words in WHAT.items() if sign in f"{call.flags} {call.status}"), "")
    about = ": ".join(filter(None, (call.flags, what)))
    return f"{call.status} ({about})" if about else str(call.status)


@remembered
def bypassed_links(index: Index) -> Sequence[UnusedLink | Detour]:
    """Return the links of custom services without a call, although their callers had requests.

    Where connections past the link were seen, they are returned: they say more. Links of stubs are left out: a stub
    always calls through its links, so an unused one is intended.
    """
    past = detours(index)
    return tuple(past.get(one.edge, one) for one in _unused_links(index))


def unused_links(index: Index) -> Sequence[UnusedLink]:
    """Return the unused links past which no connection was seen."""
    return tuple(one for one in bypassed_links(index) if isinstance(one, UnusedLink))


def links_used(index: Index) -> dict[str, str]:
    """Return each link of a custom service: "" if it was used, else what there is to say. Unknown ones are left out."""
    own = [edge for edge in inner_edges(index) if edge.partition(" -> ")[0] in index.facts.own]
    unused = {one.edge: f"{one}. {one.remedy}" for one in unused_links(index)}
    return unused | {edge: "" for edge in own if _is_used(index, edge)}


def _unused_links(index: Index) -> Iterator[UnusedLink]:
    for edge in inner_edges(index):
        caller = edge.partition(" -> ")[0]
        if caller in index.facts.own and not _is_used(index, edge):
            requests = _requests(index, edge, caller)
            if requests >= ENOUGH:
                yield UnusedLink(edge, requests)


def _is_used(index: Index, edge: str) -> bool:
    """Whether there is a trace of the edge: a call, be it refused, or a connection that its proxy has counted."""
    counted = (sample.values.get(CONNECTIONS, 0.0) for sample in index.samples if sample.edge == edge)
    return bool(sent_on(index, edge) or index.calls.on(edge)) or any(counted)


def _requests(index: Index, edge: str, caller: str) -> int:
    """Return the number of requests at a caller whose calls on an edge would be on record.

    Where the caller's proxy records nothing, the inlet does, as long as no fault keeps a call from arriving.
    """
    if index.facts.is_tcp(edge) and not (index.run and capabilities(index.run.mesh).is_proxy):
        return 0  # nobody records connections
    until = math.inf
    if not _is_recorded(index, "attempts", edge):
        if index.facts.is_tcp(edge) or edge in index.facts.without_inlet or not _is_recorded(index, "arrivals", edge):
            return 0
        until = first_fault(index)
    there = sum(1 for arrival in arrivals_at(index, caller) if arrival.start < until)
    return there or sum(1 for request in index.requests if request.sent < until and _enters(index, caller))


def _is_recorded(index: Index, source: str, edge: str) -> bool:
    """Whether the record of a source has no gap on an edge."""
    lacking = (one for one in index.evidence if one.source == source and not one.complete)
    return source in index.sources and not any(not one.edges or edge in one.edges for one in lacking)


def _enters(index: Index, service: str) -> bool:
    return f"{CLIENT} -> {service}" in index.facts.edges
