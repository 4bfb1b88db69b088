"""The journal of one load: each of its events once, as soon as nothing of it can change any more."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from testbed.history.events import Event, FaultEvent, Request, RunInfo
from testbed.history.journal import Journal
from testbed.injection.ledger import FOREVER

NAME = "journal.jsonl"  # in the run's folder; of the last load


class LoadJournal:
    """Tells a journal what it does not have yet; nothing is written while a phase runs."""

    def __init__(self, folder: Path, info: RunInfo, open_: Callable[[Path], Journal] = Journal.open) -> None:
        """Begin the journal, in the place of that of the load before."""
        self._journal = open_(folder / NAME)
        self._telling = threading.Lock()  # a test may swap policies while another of its threads runs a phase
        self._told: dict[str | int, Event] = {}  # by the id of a request, or of the object, which is kept here for it
        self._journal.append(info)

    def lacks(self, requests: Iterable[Request], before: float) -> list[Request]:
        """Return those that were due before this moment and are not in the journal."""
        return [one for one in requests if one.intended < before and one.id not in self._told]

    def tell(self, events: Iterable[Event]) -> None:
        """Add what is new; a fault that is still in force, or being healed, waits until it has ended."""
        for event in events:
            if not (isinstance(event, FaultEvent) and _may_change(event)):
                self._tell(event)

    def close(self, events: Collection[Event]) -> None:
        """Add what is new of a whole history, and end the journal as a complete one."""
        for event in events:
            if not isinstance(event, RunInfo):
                self._tell(event)
        self._journal.close()

    def give_up(self) -> None:
        """End the journal as it is, unless it has ended: its run has no history."""
        self._journal.close(complete=False)

    def _tell(self, event: Event) -> None:
        key = event.id if isinstance(event, Request) else id(event)
        with self._telling:
            if key not in self._told:
                self._told[key] = event
                self._journal.append(event)


def _may_change(fault: FaultEvent) -> bool:
    """Whether a window is open, or may not have been healed to its end: only that writes how long it took."""
    return fault.end == FOREVER or not fault.healing_s
