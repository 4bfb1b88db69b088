"""Services that mix up the context of requests: a call carries the id of a request that was over, or never there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from testbed.history.events import Arrival, Attempt
from testbed.history.index import Index, remembered
from testbed.history.own_calls import span
from testbed.history.requests_at import arrivals_at, inner_edges, sent_on

FEW = 3  # such calls that are needed to accuse a service
LATER_S = 0.5  # after the end of a request its app may still work on it


@dataclass(frozen=True)
class MixedUp:
    """A service whose calls carry the ids of other requests than those that caused them."""

    service: str
    edge: str
    over: int  # calls with the id of a request that was over at this replica
    elsewhere: int  # calls with the id of a request that was never at this replica
    calls: int  # with an id

    def __str__(self) -> str:
        """Return it as a sentence."""
        counted = {f"{self.over} of a request that was over": self.over}
        counted |= {f"{self.elsewhere} of one that was never at this replica": self.elsewhere}
        said = ", ".join(text for text, number in counted.items() if number)
        return (
            f"{self.service} mixes up the context of requests: {self.over + self.elsewhere} of {self.calls} calls on "
            f"{self.edge} carry the id of another request ({said})"
        )

    @property
    def remedy(self) -> str:
        """What to look at."""
        return f"does {self.service} keep the headers of a request in a global variable, a pool or a cache?"


@remembered
def mixed_up(index: Index) -> Sequence[MixedUp]:
    """Return the services that mix up ids, edge by edge. Only replicas with a record of their arrivals are judged."""
    return tuple(found for edge in inner_edges(index) if (found := _mixed_up(index, edge)) is not None)


def _mixed_up(index: Index, edge: str) -> MixedUp | None:
    service = edge.partition(" -> ")[0]
    if index.facts.is_tcp(edge) or _has_gap(index, service):
        return None
    ends = _ends(arrivals_at(index, service))
    begun = min((request.sent for request in index.requests), default=0.0)
    sent = [one for one in sent_on(index, edge) if one.request and one.start >= begun and one.caller in ends]
    wrong = list(_wrong(index, sent, ends))
    over = wrong.count("over")
    return MixedUp(service, edge, over, len(wrong) - over, len(sent)) if len(wrong) >= FEW else None


def _wrong(index: Index, sent: Sequence[Attempt | Arrival], ends: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    """Yield for each call with the id of another request whether that request was over, or elsewhere."""
    for one in sent:
        end = ends[one.caller].get(one.request)
        if end is not None and one.start > end + LATER_S:
            yield "over"
        elif end is None and one.request not in index.request_ids:
            yield "over"  # of an earlier load
        elif end is None and any(one.request in there for there in ends.values()):
            yield "elsewhere"  # without such a record the request may have come past its inlet


def _ends(arrivals: Sequence[Arrival]) -> Mapping[str, Mapping[str, float]]:
    """Return for each replica the requests that were there, and when each was over."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for arrival in arrivals:
        there = found[arrival.callee]
        there[arrival.request] = max(span(arrival)[1], there.get(arrival.request, 0.0))
    return found


def _has_gap(index: Index, service: str) -> bool:
    """Whether arrivals at a service may be missing in the record."""
    lacking = [one for one in index.evidence if one.source == "arrivals" and not one.complete]
    return any(not one.edges or any(edge.endswith(f" -> {service}") for edge in one.edges) for one in lacking)
