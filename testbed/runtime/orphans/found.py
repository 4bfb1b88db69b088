"""All resources by run, with the state of their owner; and their removal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast

from testbed.runtime.orphans import KINDS, processes
from testbed.runtime.orphans.folders import read_about
from testbed.runtime.orphans.resource import Resource
from testbed.runtime.owner import Owner, State, state

StateOf = Callable[[Owner], State]


class ResourceKind(Protocol):
    """A module of `testbed.runtime.orphans.KINDS`. It handles only resources of this user."""

    def found(self) -> list[Resource]:
        """Return all resources of this kind that this user may remove, of all owners."""

    def remove(self, things: Sequence[Resource]) -> list[Resource]:
        """Remove resources, and return those that remain."""


@dataclass(frozen=True, slots=True)
class Run:
    """All resources of one run. `name` is the pid of the owner for resources without a run."""

    name: str
    owner: Owner
    state: State
    things: tuple[Resource, ...]

    def of(self, kind: str) -> list[Resource]:
        """Return its resources of one kind."""
        return [thing for thing in self.things if thing.kind == kind]

    @property
    def folder(self) -> str:
        """Its folder, "" if there is none."""
        return next((thing.name for thing in self.of("folder")), "")


def look() -> list[Resource]:
    """Return all resources of this user's runs."""
    return [thing for module in dict.fromkeys(KINDS.values()) for thing in _load(module).found()]


def runs(things: Sequence[Resource], state_of: StateOf = state) -> list[Run]:
    """Group resources by run. A resource without a run belongs to the run of its owner if there is only one."""
    names: dict[Owner, list[str]] = {}
    for thing in things:
        known = names.setdefault(thing.owner, [])
        known += [thing.run] if thing.run and thing.run not in known else []
    sorted_: dict[tuple[str, Owner], list[Resource]] = {}
    for thing in things:
        own = names[thing.owner]
        name = thing.run or (own[0] if len(own) == 1 else str(thing.owner.pid))
        sorted_.setdefault((name, thing.owner), []).append(thing)
    return [Run(name, owner, state_of(owner), tuple(each)) for (name, owner), each in sorted_.items()]


def clear(things: Sequence[Resource]) -> list[Resource]:
    """Remove resources, kind by kind, and return those that remain."""
    left: list[Resource] = []
    for kind in KINDS:
        if mine := [thing for thing in things if thing.kind == kind]:
            left += _load(KINDS[kind]).remove(mine)
    return left


def _load(module: str) -> ResourceKind:
    return cast(ResourceKind, import_module(module))


def owner_of(run: Run) -> str:
    """Return the owner of a run as text: "pytest tests/chaos (pid 4711)"."""
    command = read_about(run.folder).get("command") or ""
    if run.state is State.ALIVE:
        command = command or processes.command(run.owner.pid)
    return f"{command or 'a process'} (pid {run.owner.pid})"


def counted(kind: str, n: int) -> str:
    """Return "1 process", "2 processes"."""
    return f"{n} {kind}" if n == 1 else f"{n} {kind}{'es' if kind.endswith('s') else 's'}"
