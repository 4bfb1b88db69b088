"""What the testbed itself can have done to a probe is never the system's fault; what it cannot have done is."""

import pytest

from testbed.checks import probe, probe_availability, probe_steady
from testbed.checks.judging.saturation import SATURATED
from tests.kit.story import faulty


def stalled(values, until=6.0, **more):
    """A fault from 4 s to 8 s; from 5 s on, until this time, the no-op probe takes 400 ms."""
    story = faulty()
    story.probes(0, 5, 0.5)
    story.probes(5, until, 400)
    story.probes(until, 9, 0.5)
    story.probed("idle", values, **more)
    return story


def at(number):
    """A value that is wrong only in this reading; 10 is at 5 s, 13 at 6.5 s, 15 at 7.5 s."""
    return lambda i: 0 if i == number else 4


@pytest.mark.parametrize("check", [probe("idle", at_least=1), probe_steady("idle")])
def test_a_value_that_is_wrong_only_beside_a_stall_of_ours_proves_nothing(check):
    verdict = stalled(at(11)).verdict(check)
    assert (verdict.outcome, verdict.why.startswith(SATURATED)) == ("inconclusive", True), verdict
    assert "near 1 reading it held up what was under way for up to 400 ms" in verdict.why
    assert stalled(at(15)).verdict(check).outcome == "violated"  # long after it
    assert stalled(lambda i: 0 if i >= 9 else 4).verdict(check).outcome == "violated"  # and all the time


def test_the_last_reading_shows_what_remained():
    last = probe("idle", at_least=1, reading="last")
    assert stalled(at(15)).verdict(last).outcome == "violated"
    beside = stalled(at(15), until=8.0).verdict(last)
    assert (beside.outcome, beside.why.startswith(SATURATED)) == ("inconclusive", True), beside
    assert stalled(4, until=8.0).verdict(last).outcome == "inconclusive"  # a good one beside a stall is no proof
    assert stalled(4).verdict(last).outcome == "held"


def test_a_change_that_came_only_beside_a_stall_of_ours_proves_nothing():
    none, some = probe("idle", equals=0, reading="change"), probe("idle", at_least=1, reading="change")
    beside = stalled(lambda i: 4 if i < 11 else 5)
    assert beside.verdict(none).outcome == "inconclusive"
    assert "2" not in beside.verdict(none).observed
    assert beside.verdict(some).outcome == "inconclusive"  # the reaction can be one to the stall
    after = stalled(lambda i: 4 if i < 15 else 5)
    assert (after.verdict(none).outcome, after.verdict(some).outcome) == ("violated", "held")
    assert (stalled(4).verdict(none).outcome, stalled(4).verdict(some).outcome) == ("held", "violated")
    both = stalled(lambda i: 4 if i < 11 else 5 if i < 15 else 6)
    assert both.verdict(none).outcome == "violated"  # it changed without us as well


def test_a_reading_that_timed_out_while_we_were_slow_violates_nothing():
    check = probe_availability("idle", at_least_percent=100)
    failed = stalled(lambda i: None if i == 10 else 4, timeout_ms=500).verdict(check)
    assert (failed.outcome, failed.why.startswith(SATURATED)) == ("inconclusive", True), failed
    assert stalled(lambda i: None if i == 14 else 4, timeout_ms=500).verdict(check).outcome == "violated"


def test_a_reading_that_was_refused_at_once_was_not_held_up():
    check = probe_availability("idle", at_least_percent=100)
    assert stalled(lambda i: None if i == 10 else 4, error="connection refused").verdict(check).outcome == "violated"
