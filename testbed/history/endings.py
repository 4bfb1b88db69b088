"""What a reader must know about processes that were asked to end."""

from __future__ import annotations

from collections.abc import Iterator

from testbed.history.index import Index

LONGEST = 60  # characters of a command


def endings(index: Index) -> Iterator[str]:
    """Yield a sentence for each process that ended before its children, and for each that did not end when asked."""
    for event in index.processes:
        if event.left:
            yield (
                f"{_named(index, event.process)} ended first, {event.detail}, while {', '.join(event.left)} still ran, "
                "which was killed then, as when PID 1 of a container ends: what it had in hand is lost. Start the "
                "program itself or with exec, or let the wrapper hand SIGTERM on and wait"
            )
        elif event.event == "killed" and event.detail:
            yield f"{_named(index, event.process)} was killed: {event.detail}"


def _named(index: Index, process: str) -> str:
    """Return the name of a process, with the command of a service of the user's own: it may be a wrapper."""
    replica = process.partition("/")[0]
    commands = (index.facts.own.get(service, ()) for service, names in index.facts.replicas.items() if replica in names)
    told = " ".join(next(commands, ()))
    return f"{process} ({told if len(told) <= LONGEST else told[:LONGEST] + '...'})" if told else process
