"""Injecting and healing: carries out operations, verifies each, and undoes them whatever happens."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from types import TracebackType

from testbed.errors import FaultError, TestbedError
from testbed.faults.base import Fault, behind
from testbed.faults.conflicts import refuse_contradictions
from testbed.faults.operations import Closed, Drop, LinkOperation, Netem, Operation, Rule, Signal, Toxic, Unanswered
from testbed.history.events import FaultEvent, ProcessEvent
from testbed.injection.engines import LinkControl, PacketControl, ProcessControl, RuleControl
from testbed.injection.processes import Signals
from testbed.injection.timeline import Conductor
from testbed.plan.values import Link, ProxyHost, Replica

FOREVER = float("inf")  # the end of a fault that has not been healed


@dataclass(frozen=True)
class Place:
    """Where faults are resolved: the plan's links, replicas and proxies, the load's users, the seed."""

    links: Sequence[Link]
    replicas: Sequence[Replica]
    users: Mapping[str, str]
    seed: int
    proxies: Sequence[ProxyHost] = ()


@dataclass(frozen=True)
class _Claim:
    """A fault and all that it may ever do while it is injected."""

    fault: Fault
    operations: tuple[Operation, ...]

    def __str__(self) -> str:
        return str(self.fault)


class Injector:
    """Everything that is in force, and the only one who changes it; safe to use from several threads."""

    def __init__(
        self,
        links: LinkControl,
        inlet: RuleControl,
        processes: ProcessControl,
        wire: PacketControl,
        *,
        dry: bool = False,
    ) -> None:
        """With `dry`, faults are resolved, checked and recorded, and mark the arrivals they meet, but break nothing."""
        self._links, self._inlet, self._signals, self._wire, self._dry = links, inlet, Signals(processes), wire, dry
        self._claimed: dict[str, _Claim] = {}  # all that has been injected and not been healed
        self._active: dict[str, tuple[Operation, ...]] = {}  # what is in force just now
        self._conductors: dict[str, Conductor] = {}
        self._changing = threading.RLock()
        self._count = 0
        self.events: list[FaultEvent] = []

    @property
    def process_events(self) -> Sequence[ProcessEvent]:
        """What was done to processes, in its order."""
        return self._signals.events

    def check(self, faults: Sequence[Fault], site: Place) -> dict[str, _Claim]:
        """Resolve faults without doing anything; `FaultError` if they do not fit, also with what is in force."""
        new = self._claims(faults, site)
        claims = [*self._claimed.values(), *new.values()]
        texts = {str(claim): claim.operations for claim in claims}
        if len(texts) < len(claims):
            raise TestbedError(f"the same fault twice: {', '.join(map(str, faults))}")
        refuse_contradictions(texts, site.links, {str(claim) for claim in claims if claim.fault.passing})
        if not self._dry:
            asked = [op for claim in new.values() for op in claim.operations]
            self._links.ready([op for op in asked if isinstance(op, LinkOperation)])
            self._wire.ready(_on_the_wire(asked))
        return new

    @property
    def quiet(self) -> bool:
        """Whether nothing is injected just now."""
        return not self._claimed

    def planned(self, faults: Sequence[Fault], site: Place) -> list[FaultEvent]:
        """Return faults as they would be on record if they were not injected; `FaultError` if they do not fit."""
        now, claims = time.time(), self._claims(faults, site)
        events = [_event(name, c.fault, c.operations, c.fault, site, now, FOREVER) for name, c in claims.items()]
        return [replace(event, links=(), injected=False) for event in events]

    def forgo(self, planned: Sequence[FaultEvent]) -> None:
        """Put faults on record that will not be injected."""
        self._count += len(planned)
        self.events += [replace(event, end=time.time()) for event in planned]

    def _claims(self, faults: Sequence[Fault], site: Place) -> dict[str, _Claim]:
        ids = [f"f{self._count + number}" for number in range(1, len(faults) + 1)]
        return {name: self._claim(fault, name, site) for name, fault in zip(ids, faults, strict=True)}

    def _claim(self, fault: Fault, name: str, site: Place) -> _Claim:
        operations = fault.operations(site, name)
        for op in operations:
            if isinstance(op, Signal) and (why := self._signals.cannot(op.action)):
                raise FaultError(f"{fault} is not possible here: {why}. {fault.instead}".rstrip())
        return _Claim(fault, operations)

    def inject(self, faults: Sequence[Fault], site: Place) -> Injection:
        """Carry out all faults; if one fails, those before it are healed and the error goes on."""
        new = self.check(faults, site)
        self._count += len(new)
        injection = Injection(self, tuple(new))
        try:
            for name, claim in new.items():
                self._claimed[name], fault = claim, claim.fault
                if fault.waits_s or (fault.passing and not fault.momentary):
                    self._conduct(name, fault, site)
                else:
                    self._begin(name, fault, fault, site)
        except BaseException:
            injection.heal()
            raise
        return injection

    def _conduct(self, name: str, fault: Fault, site: Place) -> None:
        """Let a conductor play a fault over time; one that waits is on record from now on, as never in force."""
        never = _event(name, fault, (), fault, site, time.time(), FOREVER)
        with self._changing:
            self.events.append(replace(never, links=(), injected=not self._dry))

        def begin(part: Fault) -> None:
            self._begin(name, fault, part, site)

        conductor = Conductor(str(fault), fault.beats(site), begin, lambda: self._lift(name))
        self._conductors[name] = conductor
        conductor.start()

    def _begin(self, name: str, fault: Fault, part: Fault, site: Place) -> None:
        """Put a fault, or the part whose turn it is, in force, and record its window."""
        planned = part.operations(site, name)
        operations = _harmless(planned) if self._dry else planned
        with self._changing:
            self._active[name] = operations
            begun = time.time()
            for kind, group in groupby(operations, key=_engine):
                self._apply(kind, list(group))
            self._brief(self._links.undo, operations)
            if part.momentary:
                self._lift(name)
            met_at_once = part.momentary or any(map(_is_brief, operations))
            start, end = begun if met_at_once else time.time(), time.time() if part.momentary else FOREVER
            event = _event(name, fault, planned, part, site, start, end)
            text = f"{fault}{self._wire.caveat(_on_the_wire(operations))}"
            self.events = [e for e in self.events if not (e.id == name and not e.links)]
            self.events.append(replace(event, text=text, rising_s=start - begun, injected=not self._dry))

    def check_conductors(self) -> None:
        """Raise `TestbedError` if a fault that acts over time has gone wrong meanwhile."""
        for conductor in list(self._conductors.values()):
            conductor.check()

    def heal(self, *names: str) -> None:
        """Undo faults, the latest first; goes on after a failure and raises it at the end."""
        failures = []
        for name in reversed(names):
            failures += _failures([partial(self._silence, name), partial(self._lift, name)])
            self._claimed.pop(name, None)
        if failures:
            raise TestbedError("; ".join(map(str, failures))) from failures[0]

    def heal_all(self) -> None:
        """Undo everything that is in force, the latest first."""
        self.heal(*self._claimed)

    def _silence(self, name: str) -> None:
        """End the conductor of a fault, which heals what is in force."""
        if conductor := self._conductors.pop(name, None):
            conductor.stop()

    def _lift(self, name: str) -> None:
        """Undo what is in force of one fault, last operation first."""
        with self._changing:
            self._count_packets(name)
            operations = self._active.pop(name, ())
            ended = self._end(name)
            groups = [(kind, list(group)) for kind, group in groupby(reversed(operations), key=_engine)]
            steps = [partial(self._brief, self._links.apply, operations)]
            failures = _failures([*steps, *(partial(self._undo, kind, group) for kind, group in groups)])
            self._note(ended, healing_s=time.time() - ended.end if ended else 0)
        if failures:
            why = "; ".join(map(str, failures))
            raise TestbedError(f"healing {self._claimed[name]} failed: {why}") from failures[0]

    def count_packets(self) -> None:
        """Write into the windows of all packet faults in force how many packets they have hit so far."""
        with self._changing:
            for name in self._active:
                self._count_packets(name)

    def _count_packets(self, name: str) -> None:
        if found := _on_the_wire(self._active.get(name, ())):
            self._note(self._opened(name), packets=self._wire.seen(found))

    def _opened(self, name: str) -> FaultEvent | None:
        return next((event for event in self.events if event.id == name and event.end == FOREVER), None)

    def _end(self, name: str) -> FaultEvent | None:
        """Close the open window of a fault, if it has one, and return it."""
        return self._note(self._opened(name), end=time.time())

    def _note(self, event: FaultEvent | None, **changes: float) -> FaultEvent | None:
        """Change what is on record of a window."""
        if event is None:
            return None
        changed = replace(event, **changes)  # type: ignore[arg-type]
        self.events[self.events.index(event)] = changed
        return changed

    def _apply(self, engine: str, operations: list[Operation]) -> None:
        if engine == "links":
            _all_at_once(self._links.apply, operations)
        elif engine == "inlet":
            self._inlet.set(self._rules())
        elif engine == "wire":
            self._wire.apply(_on_the_wire(operations))
        else:
            _all_at_once(self._signals.apply, operations)

    def _undo(self, engine: str, operations: list[Operation]) -> None:
        if engine == "links":
            _all_at_once(self._links.undo, operations)
        elif engine == "inlet":
            self._inlet.set(self._rules())
        elif engine == "wire":
            self._wire.undo(_on_the_wire(operations))
        else:
            _all_at_once(self._signals.undo, operations)

    def _rules(self) -> list[Rule]:
        return [op for operations in self._active.values() for op in operations if isinstance(op, Rule)]

    def _brief(self, act: Callable[[LinkOperation], None], operations: Iterable[Operation]) -> None:
        """Close, or open again, the links that are closed only while processes start."""
        _all_at_once(act, [op for op in operations if _is_brief(op)])


class Injection:
    """Faults in force; heal them early, or leave the `with` block."""

    def __init__(self, injector: Injector, names: tuple[str, ...]) -> None:
        self._injector, self._names = injector, names

    def heal(self) -> None:
        """Undo the faults and see that they are gone; a second call does nothing."""
        self._injector.heal(*self._names)

    def __enter__(self) -> Injection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.heal()
        except TestbedError as failure:
            if not isinstance(error, KeyboardInterrupt):
                raise
            error.add_note(str(failure))  # raised, it would make a failed test of an interrupted run


def _failures(steps: Iterable[Callable[[], None]]) -> list[Exception]:
    """Take all steps, and return what went wrong."""
    failures: list[Exception] = []
    for step in steps:
        try:
            step()
        except Exception as failure:
            failures.append(failure)
    return failures


def _is_brief(operation: Operation) -> bool:
    return isinstance(operation, Closed) and operation.brief


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
        case Drop() | Netem():
            return "wire"


def _on_the_wire(operations: Iterable[Operation]) -> list[Drop | Netem]:
    return [operation for operation in operations if isinstance(operation, Drop | Netem)]


def _all_at_once(act: Callable[..., None], operations: Sequence[Operation]) -> None:
    """Act on all; the first failure is raised after every one has been tried."""
    if len(operations) < 2:
        for operation in operations:
            act(operation)
        return
    with ThreadPoolExecutor(min(8, len(operations))) as pool:
        for done in [pool.submit(act, operation) for operation in operations]:
            done.result()


def _event(
    name: str, fault: Fault, operations: Iterable[Operation], part: Fault, site: Place, start: float, end: float
) -> FaultEvent:
    """Return one window of a fault: what it names is the whole, what it reaches is the part in force."""
    reach = part.reach(site)
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
        behind=behind(part, site),
    )
