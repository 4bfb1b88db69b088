"""What a journal of a load gets, and when: each event once, and none that may still change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from testbed.experiment.load_journal import NAME, LoadJournal
from testbed.history.events import Event, FaultEvent, Phase, Request, RunInfo
from testbed.history.file import History
from testbed.injection.ledger import FOREVER

INFO = RunInfo(1.0, "a.py::test", 7, "envoy", {}, {}, ())
FAULT = FaultEvent("f1", "delay", "delay()", "inlet", ("a-1--b-1",), ("a -> b",), 1.0, 2.0, healing_s=0.1)
FIRST, SECOND = (Request(f"r{number}", "u1", "", float(number), 1.0, 5.0, 200) for number in (1, 2))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[LoadJournal]:
    journal = LoadJournal(tmp_path, INFO)
    yield journal
    journal.give_up()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / NAME


def events(path: Path, journal: LoadJournal) -> list[Event]:
    """All that is in the journal now; the last of an unfinished one says only that."""
    journal.give_up()
    return list(History.read(path))[:-1]


def test_it_begins_with_what_runs(journal: LoadJournal, path: Path) -> None:
    assert events(path, journal) == [INFO]


def test_an_event_is_written_once(journal: LoadJournal, path: Path) -> None:
    phase = Phase("hold", 1.0, 2.0)
    for _ in range(2):
        journal.add([phase, replace(FIRST)])
    assert events(path, journal) == [INFO, phase, FIRST]


def test_equal_events_that_happened_twice_are_written_twice(journal: LoadJournal, path: Path) -> None:
    journal.add([FAULT, replace(FAULT)])
    assert events(path, journal) == [INFO, FAULT, FAULT]


@pytest.mark.parametrize("change", [{"end": FOREVER, "healing_s": 0.0}, {"healing_s": 0.0}], ids=["open", "healing"])
def test_a_fault_waits_until_it_is_healed(journal: LoadJournal, path: Path, change: dict[str, float]) -> None:
    journal.add([replace(FAULT, **change)])  # type: ignore[arg-type]
    journal.add([FAULT])
    assert events(path, journal) == [INFO, FAULT]


def test_requests_are_taken_when_all_is_known_of_their_time(journal: LoadJournal) -> None:
    assert journal.lacks([FIRST, SECOND], before=2.0) == [FIRST]
    journal.add([FIRST])
    assert journal.lacks([FIRST, SECOND], before=3.0) == [SECOND]


def test_a_whole_history_adds_the_rest(journal: LoadJournal, path: Path) -> None:
    momentary = replace(FAULT, healing_s=0.0)
    journal.add([FIRST])
    journal.close([replace(INFO, at=9.0), FIRST, SECOND, momentary])
    history = History.read(path)
    assert list(history) == [INFO, FIRST, SECOND, momentary]
    assert history.complete


def test_one_that_is_whole_cannot_be_given_up(journal: LoadJournal, path: Path) -> None:
    journal.close([])
    journal.give_up()
    assert History.read(path).complete


def test_it_takes_the_place_of_that_of_the_load_before(tmp_path: Path, path: Path) -> None:
    LoadJournal(tmp_path, INFO).close([FIRST])
    assert events(path, LoadJournal(tmp_path, INFO)) == [INFO]
