"""Injects and heals faults: refuses combinations that contradict each other, and always undoes everything."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from testbed.errors import FaultError, TestbedError
from testbed.faults.base import Fault
from testbed.faults.conflicts import refuse_contradictions
from testbed.faults.resolved import ResolvedFault, resolve
from testbed.faults.target import FaultContext
from testbed.history.events import FaultEvent, ProcessEvent
from testbed.injection.active import ActiveFaults
from testbed.injection.dispatch import EngineSet, take_all
from testbed.injection.engines import NotPossible
from testbed.injection.injection import Injection
from testbed.injection.ledger import FaultLedger
from testbed.injection.timeline import FaultTimeline


class Injector:
    """All faults in force, and the only object that changes them. Thread-safe."""

    def __init__(self, engines: EngineSet, *, dry: bool = False) -> None:
        """With `dry`, faults are resolved, checked and recorded, and mark matching arrivals, but have no effect."""
        self._engines, self._dry, self.ledger = engines, dry, FaultLedger()
        self._active = ActiveFaults(engines, self.ledger, dry=dry)
        self._injected: dict[str, ResolvedFault] = {}  # all faults that are not healed, in force now or later
        self.timelines: dict[str, FaultTimeline] = {}

    @property
    def events(self) -> Sequence[FaultEvent]:
        """Every window of every fault so far."""
        return self.ledger.events

    @property
    def process_events(self) -> Sequence[ProcessEvent]:
        """The actions on processes, in order."""
        return self._engines.events

    @property
    def is_idle(self) -> bool:
        """Whether no fault is injected now."""
        return not self._injected

    def check(self, faults: Sequence[Fault], context: FaultContext) -> tuple[ResolvedFault, ...]:
        """Resolve faults without an effect; `FaultError` if they do not fit the mesh or the faults in force."""
        ids = self.ledger.next_ids(len(faults))
        new = tuple(resolve(fault, context, id) for fault, id in zip(faults, ids, strict=True))
        self._refuse_clashes(new)
        for fault in new:
            self._require(fault)
        self.ledger.take_ids(len(new))
        return new

    def inject(self, faults: Sequence[ResolvedFault]) -> Injection:
        """Carry out faults that `check` returned; if one fails, the others are healed and the error is raised."""
        self._refuse_clashes(faults)
        injection = Injection(partial(self.heal, *(fault.id for fault in faults)))
        try:
            for fault in faults:
                self._injected[fault.id] = fault
                self._begin(fault)
        except BaseException:
            injection.heal()
            raise
        return injection

    def heal(self, *ids: str) -> None:
        """Undo faults, the latest first; continues after a failure and raises it at the end."""
        take_all(partial(self._heal, id) for id in reversed(ids))

    def heal_all(self) -> None:
        """Undo everything that is in force, the latest first."""
        self.heal(*self._injected)

    def check_timelines(self) -> None:
        """Raise `TestbedError` if a fault that comes and goes has failed."""
        for timeline in list(self.timelines.values()):
            timeline.check()

    def refuse_foreign(self) -> None:
        """Raise `TestbedError` if something is in force that this run did not set, or something of it is missing."""
        self._active.refuse_foreign()

    def count_hits(self) -> None:
        """Add the number of effects to the windows of all faults in force, for engines that count."""
        self._active.count_hits()

    def _refuse_clashes(self, new: Sequence[ResolvedFault]) -> None:
        faults = [*self._injected.values(), *new]
        if len({str(fault) for fault in faults}) < len(faults):
            raise TestbedError(f"the same fault twice: {', '.join(map(str, new))}")
        if new:
            refuse_contradictions(faults, new[0].context.links)

    def _require(self, fault: ResolvedFault) -> None:
        try:
            self._engines.require(fault.operations, dry=self._dry)
        except NotPossible as why:
            raise FaultError(f"{fault} is not possible here: {why}. {fault.fault.instead}".rstrip()) from why

    def _begin(self, fault: ResolvedFault) -> None:
        """Put a fault in force, or start its timeline."""
        if not fault.fault.waits_s and (fault.fault.momentary or not fault.fault.passing):
            self._active.activate(fault, fault)
            return
        self._active.expect(fault)
        begin, end = self._activate_part, self._active.deactivate
        steps = fault.fault.steps(fault.context)
        timeline = FaultTimeline(str(fault), steps, partial(begin, fault), partial(end, fault))
        self.timelines[fault.id] = timeline
        timeline.start()

    def _activate_part(self, whole: ResolvedFault, part: Fault) -> None:
        self._active.activate(whole, whole.part(part))

    def _heal(self, id: str) -> None:
        """End one fault. If its healing is interrupted, it stays in the list and can be healed again."""
        if fault := self._injected.get(id):
            forget = partial(self._injected.pop, id, None)
            take_all([partial(self._stop_timeline, id), partial(self._active.deactivate, fault), forget])

    def _stop_timeline(self, id: str) -> None:
        """End the timeline of a fault, which heals the part in force."""
        if timeline := self.timelines.pop(id, None):
            timeline.stop()
