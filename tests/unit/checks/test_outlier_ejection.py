"""The outlier_ejection check: a failing replica gets no more attempts, and gets them again when it is well."""

import pytest

from testbed.checks import outlier_ejection
from testbed.errors import CheckError
from tests.kit.proxy_samples import Told, each
from tests.kit.story import EDGE, quiet

LATE = "checkout-1 to pricing-1: {} later than 1 s after the fault began"


def run(last=2.5, back=7.0, again=(), caller="checkout-1", told=None):
    """Both replicas get attempts; the bad one until it is ejected, now and then, and when it is back."""
    told = told or Told(caller)
    told.caller = caller
    told.send(*each(2.01, 9.0), callee="pricing-2")
    told.send(*[at for at in each(2.03, 9.0) if at < last or at >= back], *again, callee="pricing-1", status=503)
    return told


def test_a_replica_that_is_left_alone_and_comes_back_holds():
    for check in (
        outlier_ejection(EDGE, within_s=1, back_within_s=1.5),
        outlier_ejection(replica="pricing-1", within_s=1, back_within_s=1.5),
        outlier_ejection(EDGE, replica="pricing-1", within_s=1),
    ):
        verdict = run().verdict(check)
        assert (verdict.outcome, verdict.source) == ("held", "caller's proxy")
    assert verdict.observed == "checkout-1 to pricing-1: 0 attempts later than 1 s, last after 0.48 s"
    assert verdict.bound == "ejected within 1 s"


def test_later_attempts_violate_it_but_for_those_that_are_allowed():
    told = run(again=(4.0, 5.0))
    verdict = told.verdict(outlier_ejection(EDGE, within_s=1))
    each_one = "ejected 3 times, after 11, 1, 1 attempts"
    assert (verdict.outcome, verdict.why) == ("violated", f"{LATE.format('2 attempts')}; {each_one}")
    assert verdict.observed.endswith(f"({each_one})")
    assert told.verdict(outlier_ejection(EDGE, within_s=1, probes=1)).outcome == "violated"
    allowed = outlier_ejection(EDGE, within_s=1, probes=2)
    assert (told.verdict(allowed).outcome, allowed.bound) == ("held", "ejected within 1 s except 2 attempts")


def test_each_return_may_get_its_own_number_of_attempts():
    told = run(again=(3.5, 3.55, 3.6, 4.5, 4.55, 4.6, 5.5, 5.55))
    three = outlier_ejection(EDGE, within_s=1, probes_each=3)
    assert (told.verdict(three).outcome, three.bound) == (
        "held",
        "ejected within 1 s except 3 attempts for each return",
    )
    verdict = told.verdict(outlier_ejection(EDGE, within_s=1, probes_each=2))
    assert (verdict.outcome, verdict.next.partition(":")[0]) == ("violated", "baseEjectionTime")
    assert "after 11, 3, 3, 2 attempts" in verdict.why
    assert run(last=6.0, back=6.0).verdict(three).outcome == "violated"  # never ejected


def test_one_that_is_never_ejected_violates_it_and_its_proxy_says_why():
    told = run(last=6.0, back=6.0)
    told.count(1.0)
    told.count(6.5, ejections_detected=9.0, ejections_not_allowed=9.0)
    verdict = told.verdict(outlier_ejection(EDGE, within_s=1))
    assert verdict.outcome == "violated"
    assert verdict.why == (
        LATE.format("60 attempts")
        + "; counters of the proxy: 9 detected, 0 ejected, 9 not allowed by maxEjectionPercent, "
        "0 sent to ejected hosts in panic (minHealthPercent); pricing-1 was not ejected: maxEjectionPercent forbade "
        "9 ejections"
    )
    assert verdict.next == "maxEjectionPercent"


def test_one_that_stays_away_too_long_violates_it():
    assert run(back=7.5).verdict(outlier_ejection(EDGE, back_within_s=1.6)).outcome == "held"
    verdict = run(back=7.5).verdict(outlier_ejection(EDGE, back_within_s=1.4))
    assert (verdict.outcome, verdict.observed) == ("violated", "checkout-1 to pricing-1: back after 1.53 s")
    assert (
        run(back=99.0).verdict(outlier_ejection(EDGE, back_within_s=1)).observed == "checkout-1 to pricing-1: not back"
    )


def test_each_caller_judges_for_itself():
    told = run()
    run(last=3.5, caller="checkout-2", told=told)
    assert told.verdict(outlier_ejection(EDGE, within_s=1.5)).outcome == "held"
    verdict = told.verdict(outlier_ejection(EDGE, within_s=1))
    assert (verdict.outcome, verdict.why.split(":")[0]) == ("violated", "checkout-2 to pricing-1")


@pytest.mark.parametrize(("status", "outcome"), [(503, "held"), (200, "inconclusive")])
def test_one_that_went_while_the_fault_came_into_force_was_ejected_if_it_failed(status, outcome):
    told = run()
    told.caller = "checkout-2"
    told.send(1.5, callee="pricing-1")
    told.send(1.97, callee="pricing-1", status=status)
    told.send(*each(1.99, 9.0), callee="pricing-2")
    verdict = told.verdict(outlier_ejection(EDGE, within_s=1))
    assert verdict.outcome == outcome
    assert verdict.observed.endswith("last at the start of the fault" if outcome == "held" else "no attempt")


@pytest.mark.parametrize(
    ("told", "check", "why"),
    [
        (run(), outlier_ejection(replica="pricing-2", within_s=1), "no fault of hold is on pricing-2"),
        (
            run(),
            outlier_ejection(EDGE, within_s=3.9),
            "made only 2 attempts after the deadline (6 needed",
        ),
        (
            run(back=99.0),
            outlier_ejection(EDGE, back_within_s=2.9),
            "made only 2 attempts after the deadline (6 needed",
        ),
    ],
)
def test_it_is_inconclusive_where_nothing_shows_it(told, check, why):
    verdict = told.verdict(check)
    assert verdict.outcome == "inconclusive"
    assert why in verdict.why


def test_one_that_was_never_tried_shows_nothing():
    told = Told()
    told.caller = "checkout-2"
    told.send(*each(2.0, 6.0), callee="pricing-2")
    verdict = told.verdict(outlier_ejection(EDGE, within_s=1))
    assert verdict.outcome == "inconclusive"
    assert "checkout-2 to pricing-1: no attempt while the fault was in force" in verdict.why


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (outlier_ejection("checkout -> pricin", within_s=1), "there is no edge 'checkout -> pricin'"),
        (outlier_ejection("client -> frontend", within_s=1), "no proxy stands between"),
        (outlier_ejection(EDGE, replica="pricing-3", within_s=1), "there is no replica 'pricing-3'"),
        (outlier_ejection(replica="pricing-9", within_s=1), "there is no replica 'pricing-9'"),
    ],
)
def test_what_the_run_does_not_have_is_refused(check, message):
    with pytest.raises(CheckError, match=message):
        quiet().verdict(check)


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({"within_s": 1}, "needs an edge"),
        ({"edge": EDGE}, "there is no bound"),
        ({"edge": EDGE, "within_s": 0}, "above 0"),
        ({"edge": EDGE, "within_s": 1, "probes": -1}, "whole number"),
        ({"edge": EDGE, "within_s": 1, "probes_each": -1}, "whole number"),
        ({"edge": EDGE, "within_s": 1, "probes": 1, "probes_each": 1}, "not both"),
    ],
)
def test_bounds_that_make_no_sense_are_refused(bounds, message):
    with pytest.raises(CheckError, match=message):
        outlier_ejection(**bounds)
