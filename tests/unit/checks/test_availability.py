import pytest

from testbed.checks import availability
from testbed.errors import CheckError
from tests.kit.story import quiet


def failing(*numbers, status=503):
    return lambda i: status if i in numbers else 200


def test_it_holds_when_the_confidence_bound_clears_the_limit():
    verdict = quiet(1000, status=failing(1, 2, 3, 4)).verdict(availability(at_least_percent=99))
    assert (verdict.outcome, verdict.observed, verdict.n) == ("held", "996 of 1,000 (99.6 %)", 1000)
    assert (verdict.bound, verdict.confidence, verdict.source) == (">= 99 %", "95 %", "load")
    assert verdict.margin == "0.09 percentage points to spare"
    assert (verdict.why, verdict.next) == ("", "")


def test_one_failure_more_than_the_table_allows_proves_nothing():
    verdict = quiet(1000, status=failing(*range(5))).verdict(availability(at_least_percent=99))
    assert verdict.outcome == "inconclusive"
    assert "995 of 1,000 prove only >= 98.95 %" in verdict.why
    assert "a proof needs 1,049 requests with at most 5 failures" in verdict.why
    assert "503 x 5" in verdict.why
    assert verdict.next.startswith("request hold-0 (GET /, user u0): 503 after 20 ms")


def test_it_is_violated_when_the_confidence_bound_excludes_the_limit():
    verdict = quiet(400, status=failing(*range(40))).verdict(availability(at_least_percent=99))
    assert (verdict.outcome, verdict.observed) == ("violated", "360 of 400 (90 %)")
    assert verdict.why == "40 requests failed: 503 x 40; with 95 % confidence the availability is <= 92.36 %"
    assert verdict.margin == "6.63 percentage points below"


def test_the_bounds_are_one_sided_at_95_percent():
    # 99 % with 8 failures of 400: excluded at 90 %, not at 95 % confidence; 9 failures are excluded.
    assert quiet(400, status=failing(*range(8))).verdict(availability(at_least_percent=99)).outcome == "inconclusive"
    assert quiet(400, status=failing(*range(9))).verdict(availability(at_least_percent=99)).outcome == "violated"


def test_too_few_requests_say_how_many_would_be_enough():
    verdict = quiet(50).verdict(availability(at_least_percent=99))
    assert verdict.outcome == "inconclusive"
    assert verdict.why == (
        "50 of 50 prove only >= 94.18 % with 95 % confidence; 99 % needs 299 requests, or use a count such as statuses"
    )
    assert verdict.next == "299 requests take 2.99 s at this population's 100/s: lengthen the phase"


@pytest.mark.parametrize(("n", "outcome"), [(298, "inconclusive"), (299, "held")])
def test_299_clean_requests_are_just_enough(n, outcome):
    assert quiet(n).verdict(availability(at_least_percent=99)).outcome == outcome


def test_no_answer_is_a_failure_and_a_redirect_is_not():
    assert (
        quiet(400, status=lambda i: 0 if i % 2 else 200).verdict(availability(at_least_percent=90)).outcome
        == "violated"
    )
    assert quiet(400, status=399).verdict(availability(at_least_percent=99)).outcome == "held"
    assert quiet(400, status=400).verdict(availability(at_least_percent=99)).outcome == "violated"


def test_100_percent_is_a_count():
    held = quiet(3).verdict(availability(at_least_percent=100))
    assert (held.outcome, held.confidence, held.margin) == ("held", "exact", "0 percentage points to spare")
    violated = quiet(4, status=failing(2)).verdict(availability(at_least_percent=100))
    assert (violated.outcome, violated.why) == ("violated", "1 request failed: 503 x 1")


@pytest.mark.parametrize("percent", [0, -1, 500, 100.1, float("nan"), float("inf"), "99", True])
def test_a_share_that_makes_no_sense_is_refused(percent):
    with pytest.raises(CheckError, match="at_least_percent must be above 0 and at most 100"):
        availability(at_least_percent=percent)


def test_it_needs_a_bound():
    with pytest.raises(CheckError, match=r"availability\(\): give exactly one of at_least_percent=; there is no bound"):
        availability()
