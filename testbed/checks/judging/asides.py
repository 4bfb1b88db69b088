"""Notes on a red verdict: overridden policies, answers of the test's own plane, cold pools, missing retries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from testbed.checks.judging.base import Verdict
from testbed.checks.judging.cold_pools import cold_pools
from testbed.checks.judging.formatting import count, plural
from testbed.checks.judging.repeats import unrepeated
from testbed.checks.judging.view import View
from testbed.history.outcomes import CONNECT_FAILED, PROTOCOL, REJECTED
from testbed.spec.edges import Edge

MOST = 3  # of each kind
_OWN = {
    PROTOCOL: "what the app sent was no answer in its protocol, or more than a proxy takes",
    CONNECT_FAILED: "the app accepted no connection",
    REJECTED: "it did not accept the request: its protocol, or the size of its head",
}


def with_asides(view: View, verdict: Verdict) -> Verdict:
    """Return a red verdict with notes on its requests; any other verdict as it is."""
    if verdict.outcome == "held":
        return verdict
    said = [*_overridden(view), *_own_answers(view), *islice(cold_pools(view), MOST), *unrepeated(view)]
    return replace(verdict, why="; ".join(filter(None, (verdict.why, *said)))) if said else verdict


def _overridden(view: View) -> Iterator[str]:
    """Yield the headers by which apps override the policies of their edges."""
    calls = Counter(call.edge for call in view.index.calls.all if call.request in view.ids)
    headers = Counter(
        (call.edge, header) for call in view.index.calls.all for header in call.steering if call.request in view.ids
    )
    for (edge, header), number in headers.most_common(MOST):
        where = f"in {count(number)} of {plural(calls[edge], 'call')}"
        yield f"{Edge.parse(edge).caller} itself overrides the policy of {edge} with {header} {where}"


def _own_answers(view: View) -> Iterator[str]:
    """Yield the answers that came from the test's inlet and not from the app."""
    own = Counter(
        (arrival.edge, arrival.flags, arrival.outcome)
        for arrival in view.index.arrivals.all
        if arrival.own and arrival.request in view.ids
    )
    for (edge, flags, outcome), number in own.most_common(MOST):
        why = f": {_OWN[outcome]}" if outcome in _OWN else ""
        yield f"{plural(number, 'arrival')} on {edge} ended at the test's own proxy ({flags}{why}), not at the app"
