"""The journal of one load: each event once, as soon as it is final."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from testbed.history.events import Event, FaultEvent, Request, RunInfo
from testbed.history.journal import Journal
from testbed.history.private import without_credentials
from testbed.injection.ledger import FOREVER

NAME = "journal.jsonl"  # in the folder of the run; for the last load


class LoadJournal:
    """Adds new events to a journal; nothing is written while a phase runs."""

    def __init__(self, folder: Path, info: RunInfo, open_: Callable[[Path], Journal] = Journal.open) -> None:
        """Begin the journal, and replace the journal of the load before."""
        self._journal = open_(folder / NAME)
        self._writing = threading.Lock()  # a test may change policies while another thread runs a phase
        self._queries = bool(info.topology.get("recordQueries"))
        self._written: dict[str | int, Event] = {}  # by the id of a request, or by `id()` of any other event
        self._journal.append(info)

    def lacks(self, requests: Iterable[Request], before: float) -> list[Request]:
        """Return the requests that were due before this moment and are not in the journal."""
        return [one for one in requests if one.intended < before and one.id not in self._written]

    def add(self, events: Iterable[Event]) -> None:
        """Add new events; a fault that is in force or being healed is added after its end."""
        for event in events:
            if not (isinstance(event, FaultEvent) and _may_change(event)):
                self._add(event)

    def close(self, events: Collection[Event]) -> None:
        """Add the new events of a complete history, and close the journal as complete."""
        for event in events:
            if not isinstance(event, RunInfo):
                self._add(event)
        self._journal.close()

    def give_up(self) -> None:
        """Close the journal as incomplete, unless it is closed: the run has no history."""
        self._journal.close(complete=False)

    def _add(self, event: Event) -> None:
        key = event.id if isinstance(event, Request) else id(event)
        with self._writing:
            if key not in self._written:
                self._written[key] = event
                self._journal.append(without_credentials(event, queries=self._queries))


def _may_change(fault: FaultEvent) -> bool:
    """Whether a window is open, or its healing is not over: only the end of healing sets `healing_s`."""
    return fault.end == FOREVER or not fault.healing_s
