from arms import TEST, quiet, seen, told

from testbed.calibration.soak import compare, describe

HELD, VIOLATED = seen(), seen("violated", observed="918 ms", why="2 requests of 400")


def rounds(first, now):
    return compare({TEST: first} if first else {}, {TEST: now} if now else {})


def test_the_same_verdicts_are_no_change_whatever_was_observed():
    assert rounds(told(HELD), told(seen(observed="412 ms", n=401))) == []


def test_every_changed_verdict_is_named_with_both_histories():
    other = seen(phase="healed")
    (change,) = rounds(told(HELD, other, history="1.jsonl"), told(VIOLATED, other, history="2.jsonl"))
    assert change.about == "slowest(under_ms=700) (all, hold), run 1"
    assert (change.first, change.now) == ("held: 318 ms", "violated: 918 ms; 2 requests of 400")
    assert change.histories == ("1.jsonl", "2.jsonl")
    assert all(part in describe(change) for part in (TEST, "slowest", "1.jsonl", "2.jsonl"))


def test_a_verdict_that_is_missing_or_new_is_a_change():
    assert [c.now for c in rounds(told(HELD, seen(run=2)), told(HELD))] == ["missing"]
    assert [c.first for c in rounds(told(HELD), told(HELD, seen(run=2)))] == ["missing"]


def test_two_equal_checks_are_compared_one_by_one():
    assert len(rounds(quiet(HELD, HELD), quiet(HELD, VIOLATED))) == 1


def test_a_test_that_ends_otherwise_or_not_at_all_is_a_change():
    error = told(HELD, outcome="error", why="TestbedError: the inlet died")
    assert [c.now for c in rounds(told(HELD), error)] == ["error: TestbedError: the inlet died"]
    assert [c.about for c in rounds(told(), None)] == ["the test"]
