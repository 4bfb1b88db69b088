import pytest

from testbed.checks import p50, p90, p99, quantile
from testbed.errors import CheckError
from tests.kit.story import Story, quiet


def slow(number, latency=500.0):
    """The first so many requests take long."""
    return lambda i: latency if i < number else 20.0


def test_it_holds_when_the_996th_of_1000_is_below_the_bound():
    verdict = quiet(1000, latency=slow(4)).verdict(p99(under_ms=100))
    assert (verdict.outcome, verdict.observed, verdict.n) == ("held", "20 ms (<= 20 ms)", 1000)
    assert (verdict.bound, verdict.margin, verdict.confidence) == ("< 100 ms", "80 ms to spare", "95 %")


def test_it_is_inconclusive_when_the_bound_lies_within_the_confidence_interval():
    verdict = quiet(1000, latency=slow(5)).verdict(p99(under_ms=100))
    assert verdict.outcome == "inconclusive"
    assert "1,000 requests, 5 of them at 100 ms or more, do not prove p99; a proof needs 1,049" in verdict.why
    assert verdict.next.startswith("request hold-0")


def test_it_is_violated_when_the_lower_bound_reaches_the_limit():
    # The lower bound is the 985th of 1,000: 16 slow requests put it among them, 15 do not.
    assert quiet(1000, latency=slow(15)).verdict(p99(under_ms=100)).outcome == "inconclusive"
    verdict = quiet(1000, latency=slow(16)).verdict(p99(under_ms=100))
    assert (verdict.outcome, verdict.observed) == ("violated", "500 ms (<= 500 ms)")
    assert verdict.why == "16 requests of 1,000 took 100 ms or more"
    assert verdict.margin == "400 ms over"
    assert verdict.next.startswith("request hold-0 (GET /, user u0): 200 after 500 ms")


def test_under_means_under():
    assert quiet(1000, latency=100.0).verdict(p50(under_ms=100)).outcome == "violated"
    assert quiet(1000, latency=99.9).verdict(p50(under_ms=100)).outcome == "held"


@pytest.mark.parametrize(("n", "outcome"), [(298, "inconclusive"), (299, "held")])
def test_p99_has_an_upper_bound_from_299_on(n, outcome):
    verdict = quiet(n).verdict(p99(under_ms=100))
    assert verdict.outcome == outcome


def test_a_small_cohort_gets_the_advice_to_use_a_count():
    verdict = quiet(50).verdict(p99(under_ms=100))
    assert verdict.observed == "20 ms"
    assert "299 with at most 0, or use max_latency(under_ms=), which is a count" in verdict.why
    assert "299 requests take 2.99 s" in verdict.next


def test_no_answer_is_infinitely_slow():
    verdict = quiet(1000, latency=5.0, status=lambda i: 0 if i < 16 else 200).verdict(p99(under_ms=100))
    assert (verdict.outcome, verdict.observed, verdict.margin) == ("violated", "no answer", "no answer")
    assert verdict.next.startswith("request hold-0 (GET /, user u0): no answer after 5 ms")


def test_p50_and_p90_look_at_their_own_quantile():
    story = quiet(1000, latency=lambda i: float(i % 10 + 1))  # 1 to 10 ms, a tenth of the requests each
    assert story.verdict(p50(under_ms=6.5)).outcome == "held"
    assert story.verdict(p50(under_ms=4.5)).outcome == "violated"
    assert story.verdict(p90(under_ms=10.5)).outcome == "held"
    assert story.verdict(p90(under_ms=8.5)).outcome == "violated"
    assert story.verdict(quantile(75, under_ms=8.5)).observed == "8 ms (<= 8 ms)"


def compared(n=400, baseline=400, hold_ms=30.0, baseline_ms=20.0, **hold):
    story = Story()
    story.phase("baseline", baseline, latency=baseline_ms)
    story.phase("hold", n, latency=hold_ms, **hold)
    return story


def test_above_baseline_compares_with_the_same_users_before():
    verdict = compared().verdict(p99(above_baseline_ms=20))
    assert (verdict.outcome, verdict.bound) == ("held", "< baseline + 20 ms")
    assert verdict.observed == "30 ms (<= 30 ms), baseline 20 ms"
    assert (verdict.margin, verdict.n) == ("10 ms to spare", 400)


def test_above_baseline_is_violated_when_even_the_closest_bounds_are_too_far_apart():
    verdict = compared(hold_ms=45.0).verdict(p99(above_baseline_ms=20))
    assert (verdict.outcome, verdict.margin) == ("violated", "5 ms over")
    assert verdict.why == "p99 rose by at least 25 ms over the baseline"


def test_above_baseline_at_the_very_bound_is_violated():
    assert compared(hold_ms=40.0).verdict(p99(above_baseline_ms=20)).outcome == "violated"


@pytest.mark.parametrize(("n", "outcome"), [(367, "inconclusive"), (368, "held")])
def test_above_baseline_needs_368_requests_for_its_two_bounds_at_97_5_percent(n, outcome):
    verdict = compared(n).verdict(p99(above_baseline_ms=20))
    assert verdict.outcome == outcome
    if outcome == "inconclusive":
        assert "367 requests do not bound p99; 368 or more needed" in verdict.why
        assert verdict.next.startswith("368 requests take 3.68 s")


def test_above_baseline_uses_the_lower_bound_of_the_baseline():
    # The baseline's p99 is somewhere between 20 and 50 ms: 65 ms may be 15 or 45 above it.
    verdict = compared(1000, 1000, 65.0, slow(9, 50.0)).verdict(p99(above_baseline_ms=20))
    assert verdict.outcome == "inconclusive"
    assert "p99 is between 65 ms and 65 ms, in the baseline between 20 ms and 50 ms" in verdict.why


def test_above_baseline_counts_silence_in_either_phase():
    silent = compared(status=0).verdict(p99(above_baseline_ms=20))
    assert (silent.outcome, silent.observed) == ("violated", "no answer, baseline 20 ms")


def test_above_a_baseline_without_answers_nothing_is_proved():
    story = Story()
    story.phase("baseline", 400, status=lambda i: 0 if i < 5 else 200)
    story.phase("hold", 400)
    verdict = story.verdict(p99(above_baseline_ms=20))
    assert verdict.outcome == "inconclusive"
    assert "the baseline has no p99" in verdict.why
    assert verdict.next.startswith("request baseline-0 (GET /, user u0): no answer")


def test_above_baseline_without_a_baseline_is_refused():
    story = Story()
    story.phase("hold", 400)
    with pytest.raises(CheckError, match='this run has no phase "baseline" to compare with; use under_ms='):
        story.verdict(p99(above_baseline_ms=20))


@pytest.mark.parametrize("q", [0.99, 0, -5, 100, 120])
def test_q_is_a_percentage(q):
    with pytest.raises(CheckError, match=r"q (is in percent|must be a number above 0)"):
        quantile(q, under_ms=100)


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({}, "there is no bound"),
        ({"under_ms": 5, "above_baseline_ms": 5}, "not 2 of them"),
        ({"under_ms": -5}, "under_ms must be a number above 0, not -5"),
        ({"under_ms": 0}, "under_ms must be"),
        ({"above_baseline_ms": "20ms"}, "above_baseline_ms must be a number above 0, not '20ms'"),
    ],
)
def test_bad_bounds_are_refused(bounds, message):
    with pytest.raises(CheckError, match=message):
        p99(**bounds)
