"""The record of all faults of a mesh: the windows of each fault, its edges, and its effects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from testbed import clock
from testbed.faults.resolved import ResolvedFault
from testbed.history.events import FaultEvent

FOREVER = float("inf")  # the end of a fault that has not been healed


class FaultLedger:
    """Every window of every fault; a fault that comes and goes has several under one id."""

    def __init__(self) -> None:
        self.events: list[FaultEvent] = []
        self._count = 0

    def next_ids(self, number: int) -> list[str]:
        """Return ids that no fault has had; they are free until `take_ids`."""
        return [f"f{self._count + n}" for n in range(1, number + 1)]

    def take_ids(self, number: int) -> None:
        """Reserve the next ids."""
        self._count += number

    def expect(self, fault: ResolvedFault, *, injected: bool) -> None:
        """Record a fault that is not yet in force. If it never comes into force, this entry stays."""
        never = window(fault, replace(fault, scope=None), clock.now(), FOREVER)
        self.events.append(replace(never, links=(), injected=injected))

    def open(self, event: FaultEvent) -> None:
        """Record a window, which is closed if it has an end. It replaces the expected entry of its fault."""
        self.events = [one for one in self.events if one.id != event.id or one.links] + [event]

    def opened(self, id: str) -> FaultEvent | None:
        """Return the open window of a fault, if it has one."""
        return next((event for event in self.events if event.id == id and event.end == FOREVER), None)

    def close(self, id: str) -> FaultEvent | None:
        """End the open window of a fault, if it has one, and return it."""
        return self.note(self.opened(id), end=clock.now())

    def note(self, event: FaultEvent | None, **changes: object) -> FaultEvent | None:
        """Change the record of a window."""
        if event is None:
            return None
        changed = replace(event, **changes)  # type: ignore[arg-type]
        self.events[self.events.index(event)] = changed
        return changed

    def planned(self, faults: Iterable[ResolvedFault]) -> list[FaultEvent]:
        """Return the entries of faults that are not injected."""
        now = clock.now()
        return [replace(window(one, one, now, FOREVER), links=(), injected=False) for one in faults]

    def record_skipped(self, planned: Sequence[FaultEvent]) -> None:
        """Record faults that will not be injected."""
        self.events += [replace(event, end=clock.now()) for event in planned]

    def forget(self) -> None:
        """Keep only when each fault was in force: its users and links are in the history of its load."""
        self.events = [replace(event, users=None, links=(), edges=()) for event in self.events]


def window(whole: ResolvedFault, part: ResolvedFault, start: float, end: float) -> FaultEvent:
    """Return one window of a fault: with the text of the whole fault, and the links of the part in force."""
    scope = part.scope
    return FaultEvent(
        id=whole.id,
        name=whole.fault.name,
        text=str(whole),
        plane=whole.fault.plane,
        links=tuple(dict.fromkeys(hop for link in part.links for hop in link.hops)),
        edges=tuple(sorted(part.edges)),
        start=start,
        end=end,
        users=tuple(sorted(scope.users)) if scope and scope.users is not None else None,
        cohort=scope.cohort if scope else None,
        drawn=bool(scope and scope.requests is not None),
        behind=part.behind,
    )
