"""Which record a mesh gets that a test starts by itself; the names and seeds of tests."""

from __future__ import annotations

import threading

import pytest

from testbed.experiment.record import Injected, Record, of_running_test, running, seed_of, slug
from testbed.experiment.run import Run
from testbed.history.file import History
from tests.kit.story import EDGE, Story, faulty, quiet


def test_a_mesh_belongs_to_the_innermost_test_and_then_to_the_outer_one_again() -> None:
    outer, inner = Record("outer"), Record("inner")
    with running(outer):
        with running(inner):
            assert of_running_test() is inner
        assert of_running_test() is outer


def test_a_test_that_fails_runs_no_more() -> None:
    outer = Record("outer")
    with running(outer):
        with pytest.raises(ZeroDivisionError), running(Record("inner")):
            raise ZeroDivisionError
        assert of_running_test() is outer


def test_a_mesh_that_a_test_starts_in_a_thread_belongs_to_it() -> None:
    found: list[Record] = []
    record = Record("a test")
    with running(record):
        thread = threading.Thread(target=lambda: found.append(of_running_test()))
        thread.start()
        thread.join()
    assert found[0] is record


def test_outside_of_tests_every_mesh_has_a_record_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("testbed.experiment.record._running", [])
    first, second = of_running_test(), of_running_test()
    assert first is not second
    assert first == Record()


def record_of(story: Story, has_client: bool = False) -> Record:
    injected = [Injected("outage('pricing')", (EDGE,), "envoy", ())]
    return Record(runs=[Run(story.history)], injected=injected, has_client=has_client)


def test_a_fault_that_was_healed_before_the_load_met_nobody() -> None:
    assert [one.fault for one in record_of(quiet()).met_by_nobody()] == ["outage('pricing')"]


def test_a_fault_in_a_load_or_one_that_a_client_of_the_test_can_meet_is_no_such_fault() -> None:
    assert record_of(faulty()).met_by_nobody() == []
    assert record_of(quiet(), has_client=True).met_by_nobody() == []
    assert Record(runs=[Run(quiet().history)]).met_by_nobody() == []


def test_a_run_without_a_report_is_unjudged() -> None:
    runs = [Run(History()), Run(History())]
    runs[0].judge(all=[])
    assert Record(runs=runs).unjudged() == runs[1:]


def test_a_seed_depends_on_the_test_and_on_nothing_else() -> None:
    assert seed_of(1, "a.py::test") == seed_of(1, "a.py::test")
    assert len({seed_of(1, "a.py::test"), seed_of(2, "a.py::test"), seed_of(1, "b.py::test")}) == 3


@pytest.mark.parametrize("other", ["a.py::test[x_y]", "b/a.py::test[x-y]"])
def test_two_tests_never_share_a_file(other: str) -> None:
    assert slug("a.py::test[x-y]") != slug(other)
    assert "/" not in slug(other)
