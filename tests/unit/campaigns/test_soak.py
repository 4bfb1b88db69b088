import pytest

from testbed.campaigns import soak as soaking
from testbed.campaigns.soak import compare, describe, soak
from tests.kit.arms import TEST, quiet, seen, told

HELD, VIOLATED = seen(), seen("violated", observed="918 ms", why="2 requests of 400")


def rounds(first, now):
    return compare({TEST: first} if first else {}, {TEST: now} if now else {})


def test_the_same_verdicts_are_no_change_even_with_other_observations():
    assert rounds(told(HELD), told(seen(observed="412 ms", n=401))) == []


def test_every_changed_verdict_is_named_with_both_histories():
    other = seen(phase="healed")
    (change,) = rounds(told(HELD, other, history="1.jsonl"), told(VIOLATED, other, history="2.jsonl"))
    assert change.about == "max_latency(under_ms=700) (all, hold), run 1"
    assert (change.first, change.now) == ("PASS: 318 ms", "FAIL: 918 ms; 2 requests of 400")
    assert change.histories == ("1.jsonl", "2.jsonl")
    assert all(part in describe(change) for part in (TEST, "max_latency", "1.jsonl", "2.jsonl"))


def test_a_verdict_that_is_missing_or_new_is_a_change():
    assert [c.now for c in rounds(told(HELD, more=[HELD]), told(HELD))] == ["missing"]
    assert [c.first for c in rounds(told(HELD), told(HELD, more=[HELD]))] == ["missing"]


def test_two_equal_checks_are_compared_one_by_one():
    assert len(rounds(quiet(HELD, HELD), quiet(HELD, VIOLATED))) == 1


def test_another_or_a_missing_outcome_of_a_test_is_a_change():
    error = told(HELD, outcome="error", why="TestbedError: the inlet died")
    assert [c.now for c in rounds(told(HELD), error)] == ["error: TestbedError: the inlet died"]
    assert [c.about for c in rounds(told(), None)] == ["the test"]


STARVED = "in the whole run an empty way through link and inlet alone took longer than 25 ms for 40 % of the time"


@pytest.fixture
def played(monkeypatch):
    """Soak with these rounds in the place of a suite's; the last is repeated. Returns the outcome and what was said."""

    def play(*rounds, times=3, **more):
        given, said = list(rounds), []
        monkeypatch.setattr(soaking, "run_suite", lambda *_, **__: {TEST: given.pop(0) if len(given) > 1 else given[0]})
        return soak([], times, said.append, seed=7, **more), said

    return play


def test_rounds_without_changes_are_counted(played):
    ok, said = played(told(HELD))
    assert (ok, said[-1]) == (True, "3 rounds: 3 verdicts, 0 changed; 0 tests failed. Reproduce with: --seed=7")


def test_a_changed_round_on_a_saturated_testbed_is_reported_and_repeated(played):
    ok, said = played(told(HELD), told(VIOLATED, outcome="failed", starved=STARVED), told(HELD))
    assert ok
    assert any(f"not counted: the testbed was saturated: {STARVED}" in line for line in said)
    assert any("CHANGED" in line for line in said)
    assert said[-1].startswith("3 rounds: 3 verdicts, 0 changed; 0 tests failed; 1 more not counted")


def test_strict_counts_every_round(played):
    ok, said = played(told(HELD), told(VIOLATED, outcome="failed", starved=STARVED), told(HELD), strict=True)
    assert (ok, said[-1]) == (False, "3 rounds: 3 verdicts, 1 changed; 1 tests failed. Reproduce with: --seed=7")


def test_a_change_without_saturation_counts(played):
    ok, said = played(told(HELD), told(VIOLATED, outcome="failed"), told(HELD, starved=STARVED))
    assert (ok, said[-1]) == (False, "3 rounds: 3 verdicts, 1 changed; 1 tests failed. Reproduce with: --seed=7")


def test_a_failed_first_round_on_a_saturated_testbed_is_not_the_reference(played):
    ok, said = played(told(VIOLATED, outcome="failed", starved=STARVED), told(HELD))
    assert ok
    assert said[-1].startswith("3 rounds: 3 verdicts, 0 changed; 0 tests failed; 1 more not counted")


def test_permanent_saturation_ends_the_soak(played):
    ok, said = played(told(HELD), told(VIOLATED, outcome="failed", starved=STARVED), times=50)
    assert not ok
    assert said[-1].startswith("1 rounds: 1 verdicts, 0 changed; 0 tests failed; 4 more not counted")
