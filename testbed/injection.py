"""Injecting and healing: carries out operations, verifies each, and undoes them whatever happens."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import groupby
from types import TracebackType
from typing import Protocol

from faults.base import Fault, behind
from testbed.contradictions import refuse_contradictions
from testbed.edge.operations import Closed, LinkOperation, Operation, Rule, Signal, Toxic, Unanswered
from testbed.errors import TestbedError
from testbed.history import FaultEvent, ProcessEvent
from testbed.plan import Link, Replica, Seat

FOREVER = float("inf")  # the end of a fault that has not been healed


class LinkControl(Protocol):
    """What the injector needs of the links."""

    def apply(self, operation: LinkOperation) -> None:
        """Carry out and read back."""

    def undo(self, operation: LinkOperation) -> None:
        """Undo and read back."""


class RuleControl(Protocol):
    """What the injector needs of the inlet."""

    def set(self, rules: Sequence[Rule]) -> None:
        """Replace all rules and read them back."""


class ProcessControl(Protocol):
    """What the injector needs of the runtime; each call returns when its effect has been seen."""

    def kill(self, name: str) -> None:
        """End it at once."""

    def pause(self, name: str) -> None:
        """Stop it."""

    def resume(self, name: str) -> None:
        """Let it go on."""

    def restart(self, name: str) -> None:
        """Start it (again) and wait until it is ready."""


@dataclass(frozen=True)
class Place:
    """Where faults are resolved: the plan's links, replicas and proxies, the load's users, the seed."""

    links: Sequence[Link]
    replicas: Sequence[Replica]
    users: Mapping[str, str]
    seed: int
    proxies: Sequence[Seat] = ()


class Injector:
    """Everything that is in force, and the only one who changes it."""

    def __init__(self, links: LinkControl, inlet: RuleControl, processes: ProcessControl, *, dry: bool = False) -> None:
        """With `dry`, faults are resolved, checked and recorded, and mark the arrivals they meet, but break nothing."""
        self._links, self._inlet, self._processes, self._dry = links, inlet, processes, dry
        self._active: dict[str, tuple[str, tuple[Operation, ...]]] = {}
        self._count = 0
        self.events: list[FaultEvent] = []
        self.process_events: list[ProcessEvent] = []

    def check(self, faults: Sequence[Fault], site: Place) -> dict[str, tuple[Operation, ...]]:
        """Resolve faults without doing anything; `FaultError` if they do not fit, also with what is in force."""
        ids = [f"f{self._count + number}" for number in range(1, len(faults) + 1)]
        planned = {name: fault.operations(site, name) for name, fault in zip(ids, faults, strict=True)}
        texts = dict(self._active.values()) | {
            f"{fault}": planned[name] for name, fault in zip(ids, faults, strict=True)
        }
        if len(texts) < len(self._active) + len(faults):
            raise TestbedError(f"the same fault twice: {', '.join(map(str, faults))}")
        refuse_contradictions(texts, site.links)
        return planned

    def inject(self, faults: Sequence[Fault], site: Place) -> Injection:
        """Carry out all faults; if one fails, those before it are healed and the error goes on."""
        planned = self.check(faults, site)
        injection = Injection(self, tuple(planned))
        try:
            for (name, operations), fault in zip(planned.items(), faults, strict=True):
                self._one(name, fault, operations, site)
        except BaseException:
            injection.heal()
            raise
        return injection

    def _one(self, name: str, fault: Fault, operations: tuple[Operation, ...], site: Place) -> None:
        self._count += 1
        operations = _harmless(operations) if self._dry else operations
        self._active[name] = (str(fault), operations)
        begun = time.time()
        for kind, group in groupby(operations, key=_engine):
            self._apply(kind, list(group))
        if fault.momentary:
            self.heal(name)
        start, end = (begun, time.time()) if fault.momentary else (time.time(), FOREVER)
        event = _event(name, fault, operations, site, start, end)
        self.events.append(replace(event, injected=not self._dry))

    def heal(self, name: str) -> None:
        """Undo one fault, last operation first; goes on after a failure and raises it at the end."""
        text, operations = self._active.pop(name, ("", ()))
        self._end(name)
        failures = []
        for kind, group in groupby(reversed(operations), key=_engine):
            try:
                self._undo(kind, list(group))
            except Exception as failure:
                failures.append(failure)
        if failures:
            raise TestbedError(f"healing {text} failed: {'; '.join(map(str, failures))}") from failures[0]

    def heal_all(self) -> None:
        """Undo everything that is in force, the latest first."""
        for name in reversed(list(self._active)):
            self.heal(name)

    def _end(self, name: str) -> None:
        now = time.time()
        self.events = [replace(e, end=now) if e.id == name and e.end == FOREVER else e for e in self.events]

    def _apply(self, engine: str, operations: list[Operation]) -> None:
        if engine == "links":
            _all_at_once(self._links.apply, operations)
        elif engine == "inlet":
            self._inlet.set(self._rules())
        else:
            _all_at_once(self._signal, operations)

    def _undo(self, engine: str, operations: list[Operation]) -> None:
        if engine == "links":
            _all_at_once(self._links.undo, operations)
        elif engine == "inlet":
            self._inlet.set(self._rules())
        else:
            _all_at_once(self._unsignal, operations)

    def _rules(self) -> list[Rule]:
        return [op for _, operations in self._active.values() for op in operations if isinstance(op, Rule)]

    def _signal(self, signal: Signal) -> None:
        act = {"kill": self._processes.kill, "pause": self._processes.pause}[signal.action]
        self._record(signal.process, act, signal.action)

    def _unsignal(self, signal: Signal) -> None:
        act = {"kill": self._processes.restart, "pause": self._processes.resume}[signal.action]
        self._record(signal.process, act, "started" if signal.action == "kill" else "resumed")

    def _record(self, process: str, act: Callable[[str], None], event: str) -> None:
        act(process)
        self.process_events.append(ProcessEvent(time.time(), process, event))


class Injection:
    """Faults in force; heal them early, or leave the `with` block."""

    def __init__(self, injector: Injector, names: tuple[str, ...]) -> None:
        self._injector, self._names = injector, names

    def heal(self) -> None:
        """Undo the faults and see that they are gone; a second call does nothing."""
        for name in reversed(self._names):
            self._injector.heal(name)

    def __enter__(self) -> Injection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.heal()


def _harmless(operations: Iterable[Operation]) -> tuple[Operation, ...]:
    """Keep the rules only, each of which then marks whom it meets and does nothing else."""
    return tuple(Rule(op.fault, op.inlets, delay_ms=0, scope=op.scope) for op in operations if isinstance(op, Rule))


def _engine(operation: Operation) -> str:
    match operation:
        case Toxic() | Closed() | Unanswered():
            return "links"
        case Rule():
            return "inlet"
        case Signal():
            return "processes"


def _all_at_once(act: Callable[..., None], operations: Sequence[Operation]) -> None:
    """Act on all; the first failure is raised after every one has been tried."""
    if len(operations) == 1:
        return act(operations[0])
    with ThreadPoolExecutor(min(8, len(operations))) as pool:
        for done in [pool.submit(act, operation) for operation in operations]:
            done.result()


def _event(
    name: str, fault: Fault, operations: Iterable[Operation], site: Place, start: float, end: float
) -> FaultEvent:
    reach = fault.reach(site)
    scope = next((op.scope for op in operations if isinstance(op, Rule)), None)
    return FaultEvent(
        id=name,
        name=fault.name,
        text=str(fault),
        plane=fault.plane,
        links=tuple(dict.fromkeys(hop for link in reach for hop in link.hops)),
        edges=tuple(sorted({link.edge for link in reach})),
        start=start,
        end=end,
        users=tuple(sorted(scope.users)) if scope and scope.users is not None else None,
        cohort=scope.cohort if scope else None,
        drawn=bool(scope and scope.requests is not None),
        behind=behind(fault, site),
    )
