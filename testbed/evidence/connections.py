"""Connections of tcp edges: an attempt each, from when it was asked for to when it had ended, or to now."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from testbed.evidence.access_log import TrafficEvent
from testbed.history.events import Attempt

CONNECTION = "connection"  # the source of such attempts


def is_open(event: TrafficEvent) -> bool:
    """Whether this is a connection that has not ended."""
    return isinstance(event, Attempt) and math.isinf(event.duration_ms)


def is_connection(event: TrafficEvent) -> bool:
    """Whether this is a connection of a tcp edge."""
    return isinstance(event, Attempt) and event.source == CONNECTION


class OpenConnections:
    """The connections of one log: which are open, and how many there were in this life of its writer.

    A load may use a connection that was made long before.
    """

    def __init__(self) -> None:
        self._open: dict[str, Attempt] = {}
        self.ended = 0

    def note(self, event: Attempt) -> None:
        """Take notice of a connection that is asked for, has been made, or has ended."""
        if is_open(event):
            self._open[event.call] = event
        else:
            self._open.pop(event.call, None)
            self.ended += 1

    def until(self, now: float) -> Iterator[Attempt]:
        """Yield the open ones as they are now."""
        for event in self._open.values():
            yield replace(event, duration_ms=(now - event.start) * 1000)

    def cut(self, now: float) -> list[Attempt]:
        """Return the open ones, which ended with their proxy, and forget all of its life."""
        ended = list(self.until(now))
        self._open.clear()
        self.ended = 0
        return ended

    def lacks(self, total: int, active: int) -> str:
        """Say what is not on record of so many connections, of which so many are open; "" if it is all there."""
        problems = {
            f"{len(self._open) + self.ended} of {total} connections logged": len(self._open) + self.ended != total,
            f"the ends of {self.ended} of {total - active} connections logged": self.ended != total - active,
        }
        return ", ".join(text for text, there in problems.items() if there)
