"""The next thing to look at: one telling request, and what it met on its way."""

from __future__ import annotations

from collections.abc import Sequence

from testbed.checks.judging.formatting import ms, outcome, plural, seconds
from testbed.checks.judging.view import View
from testbed.history.events import Arrival, Attempt, Call, Request
from testbed.spec.grpc_status import name_of

MOST = 5  # hops of one request that are worth reading


def request_trace(view: View, request: Request) -> str:
    """Return how one request ended, then one a line its attempts, and its calls that a proxy refused.

    Where nobody records attempts, its arrivals.
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
    """Return how one hop or request ended: `503`, `UNAVAILABLE`, or `no answer`."""
    return name_of(hop.grpc_status) if hop.grpc_status is not None else str(hop.status or "no answer")


def hop_text(hop: Attempt | Arrival | Call) -> str:
    """Return one hop in words: `checkout -> pricing, pricing-1, try 2: 503 FI after 20.1 ms`."""
    if isinstance(hop, Call):
        where = f"{hop.edge} from {hop.caller}"
    else:
        number = hop.number if isinstance(hop, Attempt) else hop.attempt
        where = f"{hop.edge}, {hop.callee or 'no replica chosen'}, try {number}"
    status = answer(hop)
    return f"{where}: {' '.join(filter(None, (status, hop.flags)))} after {ms(hop.duration_ms)}"


def more_load(view: View, needed: int) -> str:
    """Return how to get that many requests of this population at the rate that it had."""
    if not view.rate:
        return f"send {plural(needed, 'request')}"
    longer = (
        f"{plural(needed, 'request')} take {seconds(needed / view.rate)} at the {view.rate:.3g}/s of this population"
    )
    cohort = "" if view.population.name == "all" else ", or give its cohort a rate of its own (cohort_rps=)"
    return f"{longer}: lengthen the phase{cohort}"
