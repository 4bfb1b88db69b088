import json

import pytest

from testbed.checks import Report, Verdict
from testbed.report.injected import Injected
from testbed.report.outcome import Narrative, ReportOutcome, RunOutcome, TestOutcome, never_used, title, titles

HELD = Verdict("max_latency(under_ms=700)", "all", "hold", "held", "318 ms", "< 700 ms", 400, title="max_latency")
RED = Verdict("p99(under_ms=250)", "all", "hold", "violated", "612 ms", "< 250 ms", 400, why="58 of 400")
NARRATIVE = Narrative(("delay",), ("a -> b: timeout 500ms",), ("inversion",), ("odd",))
FULL = TestOutcome(
    test="test_shop.py::test_slow_back",
    outcome="failed",
    asserts="checks",
    why="NotContained: p99",
    seconds=1.5,
    seed=7,
    runs=(
        RunOutcome((ReportOutcome(Report((HELD, RED), "test_slow_back", "envoy", 7), Narrative(notes=("odd",))),)),
        RunOutcome(
            (ReportOutcome(Report((HELD,)), Narrative(("delay",), ("a -> b: none",), ("w",), ("odd",))),), "slow"
        ),
        RunOutcome(),
    ),
    injected=(Injected("delay(ms=8)", ("a -> b",), "envoy", ()),),
    control="it is weak",
    history=".testbed/runs/1.jsonl",
)


@pytest.mark.parametrize("outcome", [FULL, TestOutcome("t", "error")])
def test_an_outcome_survives_the_way_through_json(outcome):
    assert TestOutcome.from_data(json.loads(json.dumps(outcome.as_data()))) == outcome
    assert TestOutcome.from_data(outcome.as_data()) == outcome  # from an xdist worker, which keeps tuples


def test_what_its_runs_say_is_said_of_the_test():
    assert FULL.verdicts == (HELD, RED, HELD)
    assert FULL.of("held") == [HELD, HELD]
    assert FULL.notes == ("odd",)
    assert FULL.starved == "slow"


def test_verdicts_are_keyed_by_run_and_by_their_number_among_equals():
    twice = TestOutcome("t", "passed", runs=(RunOutcome((ReportOutcome(Report((HELD,))),) * 2),) * 2)
    about = ("max_latency(under_ms=700)", "all", "hold")
    assert list(twice.keyed) == [(1, *about, 0), (1, *about, 1), (2, *about, 0), (2, *about, 1)]


@pytest.mark.parametrize(
    ("outcome", "passed", "expected"),
    [
        ("passed", True, True),
        ("xpassed", True, True),
        ("xfailed", False, True),
        ("failed", False, False),
        ("error", False, False),
        ("skipped", False, False),
    ],
)
def test_how_it_ended_says_whether_pytest_is_content(outcome, passed, expected):
    one = TestOutcome("t", outcome)
    assert (one.passed, one.expected) == (passed, expected)


def test_the_title_of_a_test_is_its_name_in_words():
    assert title("a/test_b.py::TestIt::test_one_bad_replica[x]") == "one bad replica[x]"


def test_a_test_whose_words_are_ambiguous_is_named_by_its_id():
    ids = [
        "a.py::test_red",
        "a.py::test_limit_of[20]",
        "a.py::test_slow_back",
        "b.py::test_slow_back",
        "a.py::test_one_bad",
    ]
    assert titles(ids) == [*ids[:4], "one bad"]


def test_a_link_is_called_unused_once_and_only_if_no_run_used_it():
    def ran(**links):
        return TestOutcome("t", "passed", runs=(RunOutcome(links=links),))

    tests = [ran(cart="cart: never", ads="ads: never"), ran(cart="", ads="ads: never"), ran(ads="ads: never")]
    assert never_used(tests) == ["ads: never"]
    assert TestOutcome.from_data(tests[0].as_data()) == tests[0]
    older = tests[0].as_data()
    del older["runs"][0]["links"]
    assert never_used([TestOutcome.from_data(older)]) == []
