"""Arrivals that the process of the callee has not read, or may not have read, because it was asked to end or had ended.

A server that closes its idle connections on SIGTERM meets requests that are just on their way on them, and HTTP/1.1 has
no way to prevent it. Where the request was still unread in the kernel, the kernel resets the connection (RFC 2525,
2.17). Where the server had taken its bytes and did not look at them, it closes the connection as it does in the middle
of its work: nothing that can be recorded tells the two apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from testbed.checks.judging.closing_links import NEAR_S, ends_near_sigterm
from testbed.history.deaths import APP
from testbed.history.events import Arrival
from testbed.history.index import Index, remembered
from testbed.history.outcomes import CONNECT_FAILED, RESET

_DOWN = ("ended", "killed", "died")


def is_unread(index: Index, arrival: Arrival) -> bool:
    """Whether the callee's process cannot have read it: it did not run, or its kernel reset the connection unread."""
    if arrival.own and arrival.outcome == CONNECT_FAILED:
        return True
    return not arrival.answered and (_was_down(index, arrival) or (arrival.reset and may_be_unread(index, arrival)))


def may_be_unread(index: Index, arrival: Arrival) -> bool:
    """Whether it met the end of its connection while the callee's process was asked to end, and at once."""
    at_once = arrival.outcome == RESET and arrival.duration_ms <= NEAR_S * 1000
    return at_once and ends_near_sigterm(index, arrival)


def _was_down(index: Index, arrival: Arrival) -> bool:
    """Whether the process had ended before the arrival began, and was not started again by its end."""
    end = arrival.start + arrival.duration_ms / 1000
    return any(since <= arrival.start and end <= until for since, until in _ended(index).get(arrival.callee, ()))


@remembered
def _ended(index: Index) -> Mapping[str, Sequence[tuple[float, float]]]:
    """Return when each replica's process did not run."""
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    since: dict[str, float] = {}
    for event in sorted(index.processes, key=lambda event: event.at):
        replica = event.process.removesuffix(APP)
        if event.event in _DOWN:
            since.setdefault(replica, event.at)
        elif replica in since:
            found[replica].append((since.pop(replica), event.at))
    for replica, at in since.items():
        found[replica].append((at, float("inf")))
    return found
