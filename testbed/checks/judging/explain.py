"""The next thing to look at: one example request, with its attempts and arrivals."""

from __future__ import annotations

from collections.abc import Sequence

from testbed.checks.judging.formatting import ms, outcome, plural, seconds
from testbed.checks.judging.view import View
from testbed.history.events import Arrival, Attempt, Call, Request
from testbed.history.outcomes import WORDS
from testbed.spec.grpc_status import name_of

MOST = 5  # hops of one request that are shown


def request_trace(view: View, request: Request) -> str:
    """Return how one request ended, then a line for each attempt and for each call that a proxy refused.

    Where no attempts are recorded, its arrivals.
    """
    user = f", user {request.user}" if request.user else ""
    head = f"request {request.id} ({request.method} {request.path}{user}): {outcome(request)}"
    head += f" after {ms(request.latency_ms)}"
    index = view.index
    hops: Sequence[Attempt | Arrival | Call] = index.attempts.by_request.get(request.id, ())
    hops = hops or index.arrivals.by_request.get(request.id, ())
    hops = [*hops, *(call for call in index.calls.by_request.get(request.id, ()) if call.refused)]
    shown = [hop_text(hop) for hop in sorted(hops, key=lambda hop: hop.start)]
    more = [f"... {len(shown) - MOST} more"] if len(shown) > MOST else []
    return "\n  ".join([head, *shown[:MOST], *more])


def answer(hop: Attempt | Arrival | Call | Request) -> str:
    """Return how one hop or request ended: `503`, `UNAVAILABLE`, `no answer`, or `200, answer broke off`."""
    if isinstance(hop, Request):
        return outcome(hop)
    status = name_of(hop.grpc_status) if hop.grpc_status is not None else str(hop.status or "no answer")
    return status if hop.whole or not hop.status else f"{status}, {WORDS[hop.outcome]}"


def ending(hop: Attempt | Arrival | Call) -> str:
    """Return how one hop ended, with the raw flags in brackets: `503 (FI)`, `upstream timeout (UT)`."""
    cause = WORDS.get(hop.outcome, "")
    status = cause if cause and not hop.status else answer(hop)
    status += f" {cause}" if cause and hop.status and hop.whole else ""
    return f"{status} ({hop.flags})" if hop.flags else status


def hop_text(hop: Attempt | Arrival | Call) -> str:
    """Return one hop in words: `checkout -> pricing, pricing-1, attempt 2: 503 (FI) after 20.1 ms`."""
    if isinstance(hop, Call):
        where = f"{hop.edge} from {hop.caller}"
    else:
        number = hop.number if isinstance(hop, Attempt) else hop.attempt
        where = f"{hop.edge}, {hop.callee or 'no replica chosen'}, attempt {number}"
    return f"{where}: {ending(hop)} after {ms(hop.duration_ms)}"


def more_load(view: View, needed: int) -> str:
    """Return how to get this number of requests from this population at its present rate."""
    if not view.rate:
        return f"send {plural(needed, 'request')}"
    longer = f"{plural(needed, 'request')} take {seconds(needed / view.rate)} at this population's {view.rate:.3g}/s"
    cohort = "" if view.population.name == "all" else ", or set a rate for its cohort (cohort_rps=)"
    return f"{longer}: lengthen the phase{cohort}"
