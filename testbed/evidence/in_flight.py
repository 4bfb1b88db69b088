"""Requests under way: a proxy writes a line for each at intervals, until the line of its end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from testbed.evidence.access_log import TrafficEvent
from testbed.history.events import Arrival, Attempt, Call
from testbed.history.outcomes import IN_FLIGHT

LASTING_S = 3.0  # the record of a load waits so long for the last answers

Key = tuple[object, ...]


def is_in_flight(event: TrafficEvent) -> bool:
    """Whether this attempt, call or arrival has not ended."""
    return event.outcome == IN_FLIGHT


class InFlight:
    """The attempts, calls and arrivals of one log that have begun and not ended."""

    def __init__(self) -> None:
        self._open: dict[Key, TrafficEvent] = {}
        self._since = 0.0

    def forget(self, now: float) -> None:
        """Those that began before now are not part of the record; they still count."""
        self._since = now

    def clear(self) -> None:
        """The writer has ended, and its requests with it."""
        self._open.clear()

    def note(self, event: TrafficEvent) -> None:
        """Add an event that is under way, or remove one that has ended."""
        if is_in_flight(event):
            self._open[_key(event)] = event
        else:
            self._open.pop(_key(event), None)

    @property
    def requests(self) -> int:
        """The number of calls or arrivals, as the counters of the writer count them."""
        return sum(not isinstance(event, Attempt) for event in self._open.values())

    def lasting(self, now: float) -> int:
        """The number of calls or arrivals without a request id that last long, such as the wait of a watcher."""
        long = (event for event in self._open.values() if not isinstance(event, Attempt) and not event.request)
        return sum(event.start < now - LASTING_S for event in long)

    @property
    def calls(self) -> frozenset[str]:
        """The names of the calls."""
        return frozenset(event.call for event in self._open.values() if isinstance(event, Call))

    def until(self, now: float) -> Iterator[TrafficEvent]:
        """Yield them in their present state: so far, each lasted until now."""
        for event in self._open.values():
            if event.start >= self._since:
                yield replace(event, duration_ms=max(0.0, (now - event.start) * 1000))


def _key(event: TrafficEvent) -> Key:
    if isinstance(event, Arrival):
        return event.request, event.edge, event.caller, event.callee, event.path, event.attempt, event.start
    return (event.call, event.number) if isinstance(event, Attempt) else (event.call,)
