"""The faults in force: activates and deactivates operations, and records both."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial

from testbed import clock
from testbed.errors import TestbedError
from testbed.faults.operations import LinkDown, Operation, Rule
from testbed.faults.resolved import ResolvedFault
from testbed.injection.dispatch import EngineSet, take_all
from testbed.injection.ledger import FOREVER, FaultLedger, window

NOT_OURS = "somebody else controls this mesh, so its evidence is not valid"


class ActiveFaults:
    """The operations that are in force, by the id of their fault; one change at a time, from any thread."""

    def __init__(self, engines: EngineSet, ledger: FaultLedger, *, dry: bool) -> None:
        self._engines, self._ledger, self._dry = engines, ledger, dry
        self._operations: dict[str, tuple[Operation, ...]] = {}
        self._changing = threading.RLock()

    def expect(self, whole: ResolvedFault) -> None:
        """Record a fault that will be activated later, or never."""
        with self._changing:
            self._ledger.expect(whole, injected=not self._dry)

    def activate(self, whole: ResolvedFault, part: ResolvedFault) -> None:
        """Put a fault or one part of it in force, and record its window."""
        operations = _harmless(part.operations) if self._dry else part.operations
        with self._changing:
            self._operations[whole.id] = operations
            begun = clock.now()
            self._engines.apply(operations)
            self._toggle_restart_guard(self._engines.undo, operations)
            if part.fault.momentary:
                self.deactivate(whole)
            self._record(whole, part, operations, begun)

    def deactivate(self, whole: ResolvedFault) -> None:
        """Undo what is in force of one fault, last operation first; does nothing if nothing is."""
        with self._changing:
            self._count_hits(whole.id)
            operations = self._operations.pop(whole.id, ())
            closed = self._ledger.close(whole.id)
            guard = partial(self._toggle_restart_guard, self._engines.apply, operations)
            try:
                take_all([guard, partial(self._engines.undo, operations)], f"healing {whole} failed: ")
            finally:
                self._ledger.note(closed, healing_s=clock.now() - closed.end if closed else 0)

    def count_hits(self) -> None:
        """Add the number of effects to the windows of all faults in force, for engines that count."""
        with self._changing:
            for id in self._operations:
                self._count_hits(id)

    def refuse_foreign(self) -> None:
        """Raise `TestbedError` if something is in force that this run did not set, or something of it is missing."""
        with self._changing:
            ours = [one for each in self._operations.values() for one in each if not _guards_restart(one)]
            found = self._engines.foreign(ours)
        if found:
            raise TestbedError(f"{'; '.join(found)}: {NOT_OURS}")

    def _record(self, whole: ResolvedFault, part: ResolvedFault, operations: Sequence[Operation], begun: float) -> None:
        momentary = part.fault.momentary
        met_at_once = momentary or any(map(_guards_restart, operations))
        start, end = begun if met_at_once else clock.now(), clock.now() if momentary else FOREVER
        text = f"{whole}{self._engines.caveat(operations)}"
        event = window(whole, part, start, end)
        self._ledger.open(
            replace(event, text=text, rising_s=start - begun, injected=not self._dry, momentary=momentary)
        )

    def _toggle_restart_guard(
        self, act: Callable[[Sequence[Operation]], None], operations: Iterable[Operation]
    ) -> None:
        """Take down, or up again, the links that are down only while processes start."""
        act([op for op in operations if _guards_restart(op)])

    def _count_hits(self, id: str) -> None:
        hits = self._engines.hits(self._operations.get(id, ()))
        if hits is not None:
            self._ledger.note(self._ledger.opened(id), packets=hits)


def _guards_restart(operation: Operation) -> bool:
    return isinstance(operation, LinkDown) and operation.during_restart


def _harmless(operations: Iterable[Operation]) -> tuple[Operation, ...]:
    """Keep only the rules, and change each so that it marks matching requests and has no other effect."""
    return tuple(Rule(op.fault, op.inlets, delay_ms=0, scope=op.scope) for op in operations if isinstance(op, Rule))
