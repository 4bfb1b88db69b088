import pytest

from testbed.checks import max_latency
from testbed.errors import CheckError
from tests.kit.story import quiet


def one(latency, at=3):
    return lambda i: latency if i == at else 20.0


def test_it_holds_when_every_request_was_faster():
    verdict = quiet(5, latency=one(699.9)).verdict(max_latency(under_ms=700))
    assert (verdict.outcome, verdict.observed, verdict.n) == ("held", "699.9 ms", 5)
    assert (verdict.bound, verdict.margin, verdict.confidence) == ("< 700 ms", "0.1 ms to spare", "exact")


@pytest.mark.parametrize(("latency", "margin"), [(700.0, "0 ms over"), (812.5, "112.5 ms over")])
def test_one_request_is_enough_to_violate_it(latency, margin):
    verdict = quiet(5, latency=one(latency)).verdict(max_latency(under_ms=700))
    assert (verdict.outcome, verdict.margin) == ("violated", margin)
    assert verdict.why == "1 request of 5 took 700 ms or more"
    assert verdict.next.startswith("request hold-3 ")


def test_no_answer_is_infinitely_slow():
    verdict = quiet(5, latency=3.0, status=lambda i: 0 if i == 4 else 200).verdict(max_latency(under_ms=700))
    assert (verdict.outcome, verdict.observed, verdict.margin) == ("violated", "no answer", "no answer")
    assert verdict.why == "1 request of 5 took 700 ms or more, 1 of them without an answer"
    assert verdict.next.startswith("request hold-4 ")


def test_a_violation_is_inconclusive_when_the_load_was_late():
    slow = one(750.0)
    verdict = quiet(400, latency=slow, late_p99_ms=71.0).verdict(max_latency(under_ms=700))
    assert verdict.outcome == "inconclusive"
    assert "in hold the load generator was up to 71 ms behind schedule" in verdict.why
    assert quiet(400, latency=slow, late_p99_ms=20.0).verdict(max_latency(under_ms=700)).outcome == "violated"
    assert quiet(400, late_p99_ms=71.0).verdict(max_latency(under_ms=700)).outcome == "held"


@pytest.mark.parametrize("bound", [0, -1, float("inf"), "700ms", False])
def test_bad_bounds_are_refused(bound):
    with pytest.raises(CheckError, match="under_ms must be a number above 0"):
        max_latency(under_ms=bound)


def test_it_needs_a_bound():
    with pytest.raises(CheckError, match=r"max_latency\(\): give exactly one of under_ms=; there is no bound"):
        max_latency()
