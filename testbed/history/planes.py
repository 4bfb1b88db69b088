"""What the record says of calls that no policy decided: held, in another protocol, on a closed connection."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from testbed.history.events import Arrival, Attempt, Call
from testbed.history.index import Index
from testbed.history.outcomes import IN_FLIGHT, PROTOCOL, RESET
from testbed.history.own_calls import own_calls

SETTLED_S = 1.0  # a fault may break connections that are used only after it
LARGE = 65_536  # bytes of a body that are still on their way when the callee may answer
SPOKEN = {"http": "HTTP/1.1", "http2": "HTTP/2", "grpc": "HTTP/2"}


def plane_notes(index: Index) -> Iterator[str]:
    """Yield a sentence for each edge where calls are in flight, met a wrong protocol, or broke without a fault."""
    yield from (_of_held(edge, found) for edge, found in _in_flight(index).items())
    yield from _of_protocols(index)
    yield from _of_resets(index)


def _in_flight(index: Index) -> dict[str, Sequence[Call | Arrival]]:
    """The arrivals of each edge that are in flight, and the calls where no arrival is; not the apps' own."""
    found: dict[str, list[Call | Arrival]] = defaultdict(list)
    for arrival in index.arrivals.all:
        if arrival.outcome == IN_FLIGHT and arrival not in own_calls(index, "arrivals", arrival.edge):
            found[arrival.edge].append(arrival)
    there = set(found)
    for call in index.calls.all:
        if call.outcome == IN_FLIGHT and call.edge not in there and call not in own_calls(index, "calls", call.edge):
            found[call.edge].append(call)
    return dict(found)


def _of_held(edge: str, found: Sequence[Call | Arrival]) -> str:
    longest = max(one.duration_ms for one in found) / 1000
    where = Counter(one.callee if isinstance(one, Arrival) else f"the proxy of {one.caller}" for one in found)
    told = ", ".join(f"{number} at {name}" for name, number in where.most_common(4))
    return f"still in flight on {edge} when the record ended: {told}, for up to {longest:.3g} s"


def _of_protocols(index: Index) -> Iterator[str]:
    wrong = Counter(one.edge for one in index.arrivals.all if one.outcome == PROTOCOL)
    by_caller = Counter(one.edge for one in index.attempts.all if one.outcome == PROTOCOL and one.edge not in wrong)
    for edge, number in (wrong | by_caller).items():
        seen = index.arrivals if edge in wrong else index.attempts
        total, callee = len(seen.on(edge)), edge.partition(" -> ")[2]
        protocol = index.facts.protocols.get(edge, "http")
        asked = SPOKEN.get(protocol, protocol)
        if any(one.answered_in == "HTTP/2" for one in index.arrivals.on(edge)):
            yield f"wrong protocol on {edge}: {callee} answers HTTP/2 to HTTP/1.1. {_declared(callee, 'http2 or grpc')}"
        elif number == total and asked == "HTTP/2":
            yield f"wrong protocol on {edge}: {callee} does not answer HTTP/2. {_declared(callee, 'http')}"
        else:
            yield f"{number} of {total} answers of {callee} on {edge} are not valid {asked}"


def _declared(callee: str, other: str) -> str:
    return f"Is `protocol:` of {callee} in the topology meant to be {other}?"


def _of_resets(index: Index) -> Iterator[str]:
    """A connection that breaks where nothing is broken: most often one that was idle for longer than the app allows."""
    broken = Counter(one.edge for one in index.attempts.all if one.outcome == RESET and not _in_fault(index, one))
    for edge, number in broken.items():
        how_many = (
            f"{number} of {len(index.attempts.on(edge))} attempts on {edge} broke before an answer without a fault"
        )
        yield f"{how_many}. {_advice(index, edge)}"


def _advice(index: Index, edge: str) -> str:
    callee = edge.partition(" -> ")[2]
    bodies = [call.sent for call in index.calls.on(edge) if call.outcome == RESET]
    if bodies and min(bodies) > LARGE:
        return (
            f"Their requests had bodies of up to {max(bodies):,} bytes: if {callee} closes the connection before it "
            f"has read the whole body (after an early answer such as 413), that answer is lost. Let it read the body"
        )
    return (
        f"If {callee} closes idle connections (keep-alive timeout), set connectionPool.idleTimeout of this edge below "
        f"that time"
    )


def _in_fault(index: Index, attempt: Attempt) -> bool:
    """Whether a fault was in force anywhere near, or a process of the callee changed."""
    end = attempt.start + attempt.duration_ms / 1000
    faults = (f for f in index.faults if f.injected and f.start - f.rising_s <= end)
    return any(attempt.start <= f.end + f.healing_s + SETTLED_S for f in faults) or any(
        event.process.partition("/")[0] == attempt.callee for event in index.processes
    )
