"""What a reader must know about processes that were asked to end."""

from __future__ import annotations

from collections.abc import Iterator

from testbed.history.index import Index


def endings(index: Index) -> Iterator[str]:
    """Yield a sentence for each process that ended before its children, and for each that did not end when asked."""
    for event in index.processes:
        if event.left:
            yield (
                f"{event.process} ended first, {event.detail}, while {', '.join(event.left)} still ran, which was "
                "killed then, as when PID 1 of a container ends: what it had in hand is lost. Start the program with "
                "exec, or let the wrapper hand SIGTERM on and wait"
            )
        elif event.event == "killed" and event.detail:
            yield f"{event.process} was killed: {event.detail}"
