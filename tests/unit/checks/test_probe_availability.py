import pytest

from testbed.checks import probe_availability
from testbed.errors import CheckError
from tests.kit.story import faulty


def probed(values, **more):
    story = faulty()
    story.probed("health", values, **more)
    return story.verdict(probe_availability("health", at_least_percent=75))


def test_it_holds_when_enough_readings_gave_a_value():
    verdict = probed(lambda i: None if i in (8, 9) else 1)
    assert (verdict.outcome, verdict.observed, verdict.bound) == ("held", "6 of 8 (75 %)", ">= 75 %")


def test_too_many_failures_violate_it():
    verdict = probed(lambda i: None if i in (8, 9, 10) else 1, error="status 503")
    assert (verdict.outcome, verdict.observed) == ("violated", "5 of 8 (62.5 %)")
    assert verdict.why == "3 of 8 readings of health failed: status 503 x 3"
    assert "the first failure is 0.01 s after the start of hold" in verdict.next


def test_no_reading_proves_nothing():
    assert probed(1, end=4.0).outcome == "inconclusive"


def test_a_share_is_needed():
    with pytest.raises(CheckError, match="give exactly one of at_least_percent="):
        probe_availability("health")
