"""Connections of tcp edges: an attempt each, from when it was asked for to when it had ended, or to now."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from testbed.evidence.lines import Fields, Seen, flags, times
from testbed.history import Attempt
from testbed.plan import Link

CONNECTION = "connection"  # the source of such attempts
CONNECTED = "TcpUpstreamConnected"  # Envoy's name for a line that is written when a connection has been made


def connection(line: Fields, edge: str, link: Link | None, life: int) -> Attempt:
    """Read a line of Envoy's `tcp_proxy`; while the connection is open, it lasts for ever."""
    start, duration = times(line)
    return Attempt(
        request="",
        edge=edge,
        caller=str(line["caller"]),
        callee=link.callee if link else "",
        number=1,
        start=start,
        duration_ms=math.inf if line["event"] == CONNECTED else duration,
        status=0,
        flags=flags(line["flags"]),
        source=CONNECTION,
        call=f"{line['caller']}:{life}/tcp.{line['connection']}",
    )


def is_open(event: Seen) -> bool:
    """Whether this is a connection that has not ended."""
    return isinstance(event, Attempt) and math.isinf(event.duration_ms)


class Standing:
    """The connections of one log that are open; a load may use one that was made long before."""

    def __init__(self) -> None:
        self._open: dict[str, Attempt] = {}

    def note(self, event: Attempt) -> None:
        """Take notice of a connection that has been made, or has ended."""
        if is_open(event):
            self._open[event.call] = event
        else:
            self._open.pop(event.call, None)

    def until(self, now: float) -> Iterator[Attempt]:
        """Yield the open ones as they are now."""
        for event in self._open.values():
            yield replace(event, duration_ms=(now - event.start) * 1000)

    def cut(self, now: float) -> list[Attempt]:
        """Return the open ones, which ended with their proxy, and forget them."""
        ended = list(self.until(now))
        self._open.clear()
        return ended
