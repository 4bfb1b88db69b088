"""Who repeated a call, and why one was not repeated."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from testbed.checks.judging.formatting import plural
from testbed.checks.judging.view import View
from testbed.errors import TestbedError
from testbed.history.events import Arrival, Call
from testbed.history.outcomes import BROKEN_OFF
from testbed.spec.edges import Edge
from testbed.spec.grpc_status import name_of

BUFFER = (
    1_048_576  # bytes of a request's body that Envoy keeps to repeat it: the default limit of a connection's buffer
)
LIBRARY = "grpc-previous-rpc-attempts"  # a gRPC client library says so with it that it repeats a call


def who_repeated(view: View, edge: str, arrivals: Sequence[Arrival]) -> str:
    """Return who made several arrivals of one request: the caller's proxy, its library, the app, or someone above."""
    caller = Edge.parse(edge).caller
    request = arrivals[0].request
    library = sum(1 for one in arrivals if any(key.startswith(f"{LIBRARY}: ") for key in one.keys))
    logged = [one for one in view.index.attempts.by_request.get(request, ()) if one.edge == edge]
    if any(one.source == "app" for one in logged):
        library = max(library, len(arrivals) - len(logged))
    proxy = sum(1 for one in arrivals if one.attempt > 1) if not any(one.source == "app" for one in logged) else 0
    above = [one for one in view.index.arrivals.by_request.get(request, ()) if Edge.parse(one.edge).callee == caller]
    calls = len(arrivals) - proxy - library
    return "; ".join(_causes(edge, proxy, library, calls, above))


def _causes(edge: str, proxy: int, library: int, calls: int, above: Sequence[Arrival]) -> Iterator[str]:
    caller = Edge.parse(edge).caller
    if proxy:
        how = f"attempts of one call: retries in the policy of {edge}"
        yield f"the proxy of {caller} repeated it {_times(proxy)} ({how})"
    if library:
        yield f"the client library of {caller} repeated it {_times(library)}"
    if calls > 1 and len(above) > 1:
        yield f"{caller} was itself called {len(above)} times for this request, on {above[0].edge}: repeated further up"
    elif calls > 1:
        yield f"{caller} itself made {plural(calls, 'call')} (new calls: a retry in the app or its client library)"


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def beyond_the_buffer(view: View, edge: str, requests: Iterable[str]) -> Sequence[Call]:
    """Return the failed calls of these requests that their proxy could not repeat: their body was too big for it."""
    wanted = frozenset(requests)
    if "retries: " not in view.policies((edge,)):
        return ()
    failed = (call for call in view.calls(edge) if call.request in wanted and not call.ok)
    return [call for call in failed if call.sent > BUFFER and call.attempts == 1]


def buffer_words(calls: Sequence[Call]) -> str:
    """Return why these calls were not repeated."""
    most = max(call.sent for call in calls)
    return (
        f"{plural(len(calls), 'failed call')} had a body of up to {most:,} bytes, more than the retry buffer of the "
        f"proxy ({BUFFER:,} bytes), and the proxy does not repeat such a call"
    )


def unrepeated(view: View) -> Iterator[str]:
    """Yield why failed calls were not repeated, although the policy of their edge has retries: an answer had begun."""
    for edge, calls in _short_of_retries(view).items():
        if broken := [call for call in calls if call.outcome == BROKEN_OFF]:
            yield f"{plural(len(broken), 'call')} on {edge} broke off after the answer had begun: no proxy repeats that"
        wanted = _retried_statuses(view, edge)
        late = [call for call in calls if call.whole and not call.flags and call.grpc_status in wanted]
        if late:
            status = name_of(late[0].grpc_status or 0)
            yield (
                f"{plural(len(late), 'call')} on {edge} ended with {status} and were not repeated: the status came in "
                f"the trailers, after the head of an answer. Envoy repeats only an error without a head (trailers only)"
            )


def _short_of_retries(view: View) -> Mapping[str, Sequence[Call]]:
    """Return the failed calls of a view by edge, with fewer attempts than the policy allows."""
    found: dict[str, list[Call]] = defaultdict(list)
    for call in view.index.calls.all:
        if call.request in view.ids and not call.ok and not call.steering and 0 < call.attempts < _allowed(view, call):
            found[call.edge].append(call)
    return found


def _allowed(view: View, call: Call) -> int:
    try:
        policy = view.topology.policy(call.edge)
    except TestbedError:
        return 0
    return policy.attempts if policy else 0


def _retried_statuses(view: View, edge: str) -> frozenset[int]:
    """Return the gRPC statuses that the policy of an edge retries."""
    policy = view.topology.policy(edge)
    words = policy.retries.retry_on if policy and policy.retries else ()
    return frozenset(number for number in range(1, 17) if name_of(number).lower().replace("_", "-") in words)
