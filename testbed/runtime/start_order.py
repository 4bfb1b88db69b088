"""The start order: first the testbed's processes, then custom services, each after the services that it needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from testbed.plan.values import Process


def waves(processes: Mapping[str, Process]) -> Iterator[dict[str, Process]]:
    """Yield the processes in start order. All processes of one wave start at the same time."""
    first = {name: process for name, process in processes.items() if not process.custom}
    left = {name: process for name, process in processes.items() if process.custom}
    if first:
        yield first
    while left:
        ready = {name: process for name, process in left.items() if not left.keys() & set(process.needs)}
        yield ready
        left = {name: process for name, process in left.items() if name not in ready}
