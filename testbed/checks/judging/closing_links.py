"""Attempts that a link accepted for a process that had just been asked to end, and that never reached it.

A link follows the listener of its process within a millisecond. Between the two, the link accepts a connection that the
process itself would refuse, and then breaks it: the caller sees a reset, which `connect-failure` does not retry.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from testbed.history.events import Arrival, Attempt
from testbed.history.index import Index, remembered
from testbed.history.outcomes import RESET

ASKED = "sent SIGTERM"  # such an event of a process begins with it
NEAR_S = 0.1  # between SIGTERM and the end of such an attempt


def is_met_by_closing_link(index: Index, attempt: Attempt) -> bool:
    """Whether an attempt was reset at a link whose process was just asked to end, and did not arrive."""
    if attempt.outcome != RESET or not ends_near_sigterm(index, attempt):
        return False
    return not any(
        one.edge == attempt.edge and one.callee == attempt.callee and one.start >= attempt.start - NEAR_S
        for one in index.arrivals.by_request.get(attempt.request, ())
    )


def ends_near_sigterm(index: Index, hop: Attempt | Arrival) -> bool:
    """Whether an attempt or arrival ended while the process of its callee was asked to end."""
    end = hop.start + hop.duration_ms / 1000
    return any(abs(end - at) <= NEAR_S for at in _asked(index).get(hop.callee, ()))


@remembered
def _asked(index: Index) -> Mapping[str, Sequence[float]]:
    """Return when each replica was asked to end."""
    found: dict[str, list[float]] = defaultdict(list)
    for event in index.processes:
        if event.event.startswith(ASKED):
            found[event.process.partition("/")[0]].append(event.at)
    return found
