"""Connections of tcp edges: each is one attempt, from its request to its end, or to now."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from testbed.evidence.access_log import TrafficEvent
from testbed.history.events import Attempt

CONNECTION = "connection"  # the source of such attempts


def is_open(event: TrafficEvent) -> bool:
    """Whether this is an open connection."""
    return isinstance(event, Attempt) and math.isinf(event.duration_ms)


def is_connection(event: TrafficEvent) -> bool:
    """Whether this is a connection of a tcp edge."""
    return isinstance(event, Attempt) and event.source == CONNECTION


class OpenConnections:
    """The connections of one log: the open ones, and the number since the last start of its writer.

    A load may use a connection that was opened long before.
    """

    def __init__(self) -> None:
        self._open: dict[str, Attempt] = {}
        self.ended = 0

    def note(self, event: Attempt) -> None:
        """Add a connection that was requested, was established, or has ended."""
        if is_open(event):
            self._open[event.call] = event
        else:
            self._open.pop(event.call, None)
            self.ended += 1

    def until(self, now: float) -> Iterator[Attempt]:
        """Yield the open connections in their present state."""
        for event in self._open.values():
            yield replace(event, duration_ms=(now - event.start) * 1000)

    def cut(self, now: float) -> list[Attempt]:
        """Return the open connections, which ended with their proxy, and forget all connections."""
        ended = list(self.until(now))
        self._open.clear()
        self.ended = 0
        return ended

    def lacks(self, total: int, active: int) -> str:
        """Return the missing connections in words, "" if nothing is missing.

        `total` and `active` are the counters of the writer, which can be older than its last lines.
        """
        problems = {
            f"{len(self._open) + self.ended} of {total} connections logged": len(self._open) + self.ended < total,
            f"the ends of {self.ended} of {total - active} connections logged": self.ended < total - active,
        }
        return ", ".join(text for text, there in problems.items() if there)
