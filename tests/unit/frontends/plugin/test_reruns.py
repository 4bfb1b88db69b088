"""A claim that was violated in one try of a test and held in the next is not green."""

import pytest

from testbed.checks import statuses
from testbed.errors import Inconclusive, NotContained
from testbed.experiment.record import Record
from testbed.experiment.run import Run
from testbed.frontends.plugin.reruns import KEY, begin_try, note_try, refuse_then_held, then_held
from tests.kit.story import faulty, quiet


class Item:
    def __init__(self):
        self.stash = pytest.Stash()


def record_of(**hold):
    run = Run(faulty(**hold).history)
    run.judge(all=[statuses(200)])
    return Record(runs=[run])


def test_a_violated_try_and_then_a_held_one_is_refused_again_and_again():
    item = Item()
    note_try(item, record_of(status=503), NotContained("red"))
    for _ in range(2):
        begin_try(item)
        with pytest.raises(NotContained, match=r"violated, then held: statuses\(200\): 503 x 400 in an earlier try"):
            refuse_then_held(item, record_of())
        assert then_held(item).startswith("violated, then held")
        note_try(item, record_of(), NotContained("as said"))
    assert list(item.stash[KEY].violated.values()) == ["statuses(200): 503 x 400"]


def test_so_is_a_violated_claim_whose_assert_failed():
    item = Item()
    note_try(item, record_of(status=503), AssertionError("report.outcome == 'held'"))
    with pytest.raises(NotContained, match="violated, then held"):
        refuse_then_held(item, record_of())


def test_an_inconclusive_try_and_then_a_held_one_is_green():
    item = Item()
    note_try(item, record_of(n=0), Inconclusive("too little"))
    refuse_then_held(item, record_of())
    assert then_held(item) == ""


def test_a_violation_that_the_test_caught_is_its_own():
    item = Item()
    note_try(item, record_of(status=503), ZeroDivisionError())  # something else ended this try
    refuse_then_held(item, record_of(status=503))
    note_try(item, record_of(status=503), None)
    refuse_then_held(item, record_of(status=503))


def test_a_violation_that_ended_a_try_counts_even_if_the_next_makes_no_such_claim():
    item = Item()
    note_try(item, record_of(status=503), NotContained("red"))
    with pytest.raises(NotContained, match="violated, then held"):
        refuse_then_held(item, Record(runs=[Run(quiet().history)]))


def test_a_try_begins_with_an_empty_record():
    record = record_of()
    record.has_client = True
    record.begin_again()
    assert (record.runs, record.injected, record.has_client) == ([], [], False)
