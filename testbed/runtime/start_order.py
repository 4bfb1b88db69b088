"""Which processes start together: the user's own after the testbed's, and each after those that it needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from testbed.plan.values import Process


def waves(processes: Mapping[str, Process]) -> Iterator[dict[str, Process]]:
    """Yield the processes in the order in which they start; all of one wave start at once."""
    first = {name: process for name, process in processes.items() if not process.custom}
    left = {name: process for name, process in processes.items() if process.custom}
    if first:
        yield first
    while left:
        ready = {name: process for name, process in left.items() if not left.keys() & set(process.needs)}
        yield ready
        left = {name: process for name, process in left.items() if name not in ready}
