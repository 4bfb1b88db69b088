from dataclasses import replace

import pytest

from testbed.checks import probe
from testbed.errors import CheckError
from tests.kit.story import faulty

# faulty(): baseline 0-4 s, hold 4-8 s with a fault, recover 8-9 s; a probe is read every 0.5 s


def probed(values, **more):
    story = faulty()
    story.probed("idle", values, **more)
    return story


def test_it_holds_when_every_reading_of_the_window_is_within_the_bound():
    verdict = probed(lambda i: 0 if i < 8 else 3 + i % 2, unit="connections").verdict(probe("idle", at_least=1))
    assert (verdict.outcome, verdict.observed, verdict.bound) == ("held", "3 to 4 connections", "always >= 1")
    assert (verdict.phase, verdict.n, verdict.source, verdict.title) == ("hold", 8, "probe", "probe idle")


def test_one_reading_beyond_the_bound_violates_it_and_the_phases_are_shown():
    verdict = probed(lambda i: 0 if i == 10 else 4).verdict(probe("idle", at_least=1))
    assert (verdict.outcome, verdict.observed) == ("violated", "0 to 4")
    assert verdict.why == "1 of 8 readings of idle broke the bound; the first: 0, 1.01 s after the start of hold"
    assert verdict.next == "idle: baseline 4; hold 0 to 4; recover 4"


@pytest.mark.parametrize(
    ("check", "outcome"),
    [
        (probe("idle", at_most=4), "held"),
        (probe("idle", at_most=3), "violated"),
        (probe("idle", at_least=2, at_most=5), "held"),
        (probe("idle", at_least=2, at_most=3), "violated"),
        (probe("idle", equals=4), "held"),
        (probe("idle", equals=5), "violated"),
        (probe("idle", equals="4"), "held"),
        (probe("idle", equals="five"), "violated"),
    ],
)
def test_each_bound(check, outcome):
    assert probed(4).verdict(check).outcome == outcome


def test_texts_and_truth_values():
    story = probed(lambda i: "closed" if i < 8 else "open")
    assert story.verdict(probe("idle", equals="open")).outcome == "held"
    broken = story.verdict(probe("idle", equals="closed"))
    assert (broken.outcome, broken.observed, broken.bound) == ("violated", "'open'", "always 'closed'")
    assert story.verdict(probe("idle", equals="closed").during("baseline")).outcome == "held"
    assert story.verdict(probe("idle", at_least=1)).outcome == "violated"  # a text is no number
    assert probed("true").verdict(probe("idle", equals=True)).outcome == "held"


def test_a_failed_reading_proves_nothing():
    verdict = probed(lambda i: None if i in (9, 11) else 4, error="connection refused").verdict(probe("idle", equals=4))
    assert (verdict.outcome, verdict.observed) == ("inconclusive", "4")
    assert verdict.why == "2 of 8 readings of idle failed: connection refused x 2"
    assert "http_probe('idle') by hand" in verdict.next


def test_a_reading_beyond_the_bound_counts_although_others_failed():
    assert probed(lambda i: None if i == 9 else 0).verdict(probe("idle", at_least=1)).outcome == "violated"


def test_a_failure_outside_the_window_does_not_matter():
    assert probed(lambda i: None if i < 8 else 4).verdict(probe("idle", equals=4)).outcome == "held"


def test_a_window_without_a_reading_proves_nothing():
    verdict = probed(4, end=4.0).verdict(probe("idle", equals=4))
    assert verdict.outcome == "inconclusive"
    assert verdict.why == "idle was not read in these 4 s (every_ms=500)"


def test_a_gap_in_the_readings_proves_nothing():
    story = probed(4, end=6.0)
    story.probed("idle", 4, start=7.7)
    verdict = story.verdict(probe("idle", equals=4))
    assert (verdict.outcome, verdict.why) == ("inconclusive", "idle was not read for 2.2 s (every_ms=500)")


def test_a_reading_that_ends_after_the_window_is_not_of_it():
    story = probed(4)
    late = [e for e in story.events if getattr(e, "probe", "") == "idle"][15]  # begins in hold, 0.49 s before its end
    story.events = [replace(e, took_ms=600.0, value=0.0) if e is late else e for e in story.events]
    assert story.verdict(probe("idle", equals=4)).outcome == "held"


def test_the_last_reading_alone():
    check = probe("idle", equals=4, reading="last")
    assert probed(lambda i: 4 if i >= 15 else 0).verdict(check).outcome == "held"
    assert probed(lambda i: 0 if i == 15 else 4).verdict(check).outcome == "violated"
    failed = probed(lambda i: None if i == 15 else 4).verdict(check)
    assert (failed.outcome, failed.why) == ("inconclusive", "the last reading of idle failed: it failed")
    assert probed(4, end=6.0).verdict(check).why == "idle was not read for 2.49 s (every_ms=500)"


def test_the_change_in_a_window():
    check = probe("idle", equals=7, reading="change")
    assert probed(lambda i: i).verdict(check).outcome == "held"
    broken = probed(lambda i: 2 * i).verdict(check)
    assert (broken.outcome, broken.observed) == ("violated", "14")
    assert broken.why.endswith("; idle: 14")
    assert probed(lambda i: None if i == 8 else i).verdict(check).outcome == "inconclusive"
    assert probed(lambda i: "text" if i == 8 else i).verdict(check).outcome == "inconclusive"
    assert probed(4, every_ms=4000).verdict(check).outcome == "inconclusive"  # one reading


def test_every_replica_is_judged_and_the_bad_one_named():
    story = faulty()
    for place, value in (("orders-1", 4), ("orders-2", 0)):
        story.probed("idle", value, place=place, places=("orders-1", "orders-2"))
    verdict = story.verdict(probe("idle", at_least=1))
    assert (verdict.outcome, verdict.observed) == ("violated", "orders-1: 4; orders-2: 0")
    assert "; 8 of 8 readings of idle of orders-2 broke the bound" in verdict.why


def test_a_value_that_was_wrong_before_the_fault_is_said():
    assert probed(0).verdict(probe("idle", at_least=1)).why.startswith("the steady state did not hold: 0 before the")


def test_an_unknown_probe_names_the_nearest():
    with pytest.raises(CheckError, match=r"this run has no probe 'idel' \(did you mean 'idle'\?\)"):
        probed(4).verdict(probe("idel", equals=4))
    with pytest.raises(CheckError, match=r"no probe \'idle\': shop.experiment\(..., probes="):
        faulty().verdict(probe("idle", equals=4))


def test_a_probe_has_no_users():
    story = probed(4)
    story.attempts([])
    with pytest.raises(CheckError, match=r"does not belong to users; put it in all=\[...\]"):
        story.verdict(probe("idle", equals=4), "touched")


@pytest.mark.parametrize(
    ("bounds", "why"),
    [
        ({}, "give at_least=, at_most= or both, or equals= alone"),
        ({"equals": 1, "at_most": 2}, "give at_least=, at_most= or both, or equals= alone"),
        ({"at_least": 3, "at_most": 2}, "no value is at least 3 and at most 2"),
        ({"at_least": "3"}, "at_least must be a number"),
        ({"equals": 1, "reading": "first"}, "reading is one of 'every', 'last', 'change'"),
        ({"equals": "open", "reading": "change"}, "a change is a number"),
    ],
)
def test_impossible_bounds_are_refused(bounds, why):
    with pytest.raises(CheckError, match=why):
        probe("idle", **bounds)
