"""The circuit_breaker check: what each proxy sent and refused decides; its counters tell half-open from open."""

from dataclasses import replace

import pytest

from testbed.checks import circuit_breaker
from testbed.errors import CheckError
from testbed.history.events import Call
from tests.kit.proxy_samples import Told, each
from tests.kit.story import EDGE, SHOP, quiet

BOTH = {"hosts_ejected": 2.0, "ejected.pricing-1": 1.0, "ejected.pricing-2": 1.0}


def opening(opened=2.5, closed=7.0, caller="checkout-1", told=None):
    """Fails until it opens, refuses until it closes, then answers."""
    told = told or Told(caller)
    told.caller = caller
    told.send(*each(2.05, opened), status=503)
    told.refuse(*each(opened, closed))
    told.send(*each(closed, 9.0))
    for at in each(0.0, 9.0, 0.25):
        told.count(at, **(BOTH if opened <= at < closed else {}))
    return told


def half_open(probes, counters=True):
    """Tries again from 4 s on, so many times."""
    told = Told()
    told.send(*each(2.05, 2.5), status=503)
    told.refuse(*each(2.5, 4.0))
    told.send(*[4.0 + k / 100 for k in range(probes)], status=503)
    told.refuse(*each(4.5, 6.5))
    told.send(*each(6.5, 9.0))
    for at in each(0.0, 9.0, 0.25):
        out = 2.5 <= at < 6.5 and not (counters and 3.9 <= at < 4.1)
        told.count(at, **(BOTH if out else {}))
    return told


def elsewhere():
    """A fault on another edge only."""
    told = Told(edges=("frontend -> checkout",), links=("frontend-1--checkout-1",))
    told.edge, told.caller = "frontend -> checkout", "frontend-1"
    told.send(2.5, callee="checkout-1")
    return told


def test_a_breaker_that_opens_and_closes_in_time_holds():
    verdict = opening().verdict(circuit_breaker(EDGE, opens_within_s=0.5, attempts_while_open=0, closes_within_s=1))
    assert (verdict.outcome, verdict.source) == ("held", "caller's proxy")
    assert verdict.observed == (
        "checkout-1 opened after 0.5 s; checkout-1 sent 0 attempts while open; checkout-1 closed 0.95 s after healing"
    )
    assert verdict.bound == "opens within 0.5 s, <= 0 attempts while open, closes within 1 s"
    assert verdict.n == 80


@pytest.mark.parametrize(
    ("check", "why"),
    [
        (circuit_breaker(EDGE, opens_within_s=0.4), "checkout-1 refused its first call 0.1 s too late"),
        (circuit_breaker(EDGE, closes_within_s=0.9), "checkout-1 refused a call 0.95 s after healing, 0.05 s too late"),
    ],
)
def test_too_late_violates_it(check, why):
    verdict = opening().verdict(check)
    assert (verdict.outcome, verdict.why, verdict.timed) == ("violated", why, True)


def test_one_that_never_closes_again_is_told_from_one_that_closes_late():
    told = Told()
    told.send(*each(2.05, 2.5), status=503)
    told.refuse(*each(2.5, 9.0))
    verdict = told.verdict(circuit_breaker(EDGE, closes_within_s=1))
    assert (verdict.outcome, verdict.why.endswith(", and sent none after it")) == ("violated", True)
    assert verdict.observed.startswith("checkout-1 did not close: it still refused a call ")


def test_probes_are_what_is_sent_when_hosts_had_come_back():
    assert half_open(3).verdict(circuit_breaker(EDGE, attempts_while_open=0, probes=3)).outcome == "held"
    verdict = half_open(4).verdict(circuit_breaker(EDGE, attempts_while_open=0, probes=3))
    assert verdict.outcome == "violated"
    assert verdict.why == "checkout-1 sent 4 attempts in a row after its hosts came back"
    assert not verdict.timed


def test_what_is_sent_although_no_host_had_come_back_is_sent_while_open():
    leaking = half_open(4, counters=False)
    verdict = leaking.verdict(circuit_breaker(EDGE, attempts_while_open=3))
    assert verdict.outcome == "violated"
    assert verdict.why == "checkout-1 sent 4 attempts between its first refusal and the end of the fault"
    assert leaking.verdict(circuit_breaker(EDGE, attempts_while_open=4)).outcome == "held"
    assert leaking.verdict(circuit_breaker(EDGE, attempts_while_open=(4, 4))).outcome == "held"
    assert leaking.verdict(circuit_breaker(EDGE, attempts_while_open=(5, 9))).outcome == "violated"


def test_a_limit_has_no_half_open_state():
    told = Told()
    for at in each(2.1, 6.0, 0.5):
        told.send(at, status=503)
        told.refuse(*each(at + 0.1, at + 0.5), flag="UO")
    for at in each(0.0, 9.0, 0.25):
        told.count(at, rq_open=1.0)
    assert told.verdict(circuit_breaker(EDGE, attempts_while_open=(7, 7))).outcome == "held"
    assert told.verdict(circuit_breaker(EDGE, attempts_while_open=6)).outcome == "violated"
    told.refuse(7.5, flag="UO")
    assert told.verdict(circuit_breaker(EDGE, closes_within_s=1)).next.startswith("the limit: do calls queue up")
    verdict = told.verdict(circuit_breaker(EDGE, probes=100))
    assert verdict.outcome == "inconclusive"
    assert "never half-open" in verdict.why


def test_a_record_without_outcomes_is_judged_and_gives_no_clue():
    told = Told()
    told.send(*each(2.1, 2.3), status=503)
    told.refuse(*each(2.5, 6.0), 7.5)
    story = told.story
    story.events = [replace(event, outcome="") if isinstance(event, Call) else event for event in story.events]
    verdict = told.verdict(circuit_breaker(EDGE, closes_within_s=1))
    assert (verdict.outcome, verdict.next) == ("violated", "")


def test_a_retry_that_a_limit_forbids_is_no_refusal():
    told = Told()
    told.send(*each(2.05, 6.0), status=503, flags="UO")  # the callee's own answers, each without its retry
    assert told.verdict(circuit_breaker(EDGE, opens_within_s=1)).observed == "checkout-1 never opened"


@pytest.mark.parametrize(
    "bound", [{"opens_within_s": 1}, {"attempts_while_open": 0}, {"probes": 9}, {"closes_within_s": 1}]
)
def test_one_that_never_opens_violates_every_claim(bound):
    told = Told()
    told.send(*each(2.05, 6.0), status=503)
    told.send(*each(6.0, 9.0))
    told.count(1.0)
    told.count(6.5, ejections_detected=26.0, ejections_not_allowed=26.0)
    verdict = told.verdict(circuit_breaker(EDGE, **bound))
    assert (verdict.outcome, verdict.observed) == ("violated", "checkout-1 never opened")
    assert verdict.why == (
        "checkout-1 refused no call: 80 of 80 attempts failed; counters of the proxy: 26 detected, 0 ejected, "
        "26 not allowed by maxEjectionPercent, 0 sent to ejected hosts in panic (minHealthPercent)"
    )


def test_each_caller_judges_for_itself():
    told = opening(2.5)
    opening(2.9, caller="checkout-2", told=told)
    held = told.verdict(circuit_breaker(EDGE, opens_within_s=0.91))
    assert held.outcome == "held"
    violated = told.verdict(circuit_breaker(EDGE, opens_within_s=0.8))
    assert (violated.outcome, violated.why) == ("violated", "checkout-2 refused its first call 0.1 s too late")


def test_the_replicas_of_a_node_share_one_proxy():
    told = Told()
    told.send(*each(2.05, 2.5), status=503)
    told.caller = "checkout-2"
    told.refuse(*each(2.5, 6.0))
    assert told.verdict(circuit_breaker(EDGE, opens_within_s=1)).outcome == "violated"  # checkout-1 never did
    told.count(1.0, callers=("checkout-1", "checkout-2"))
    verdict = told.verdict(circuit_breaker(EDGE, opens_within_s=1))
    assert (verdict.outcome, verdict.observed) == ("held", "checkout-1, checkout-2 opened after 0.5 s")


def test_a_proxy_that_is_restarted_does_not_confuse_its_counters():
    told = Told()
    told.send(*each(2.05, 6.0), status=503)
    told.count(1.0, ejections_not_allowed=5.0)
    told.count(3.0, ejections_not_allowed=7.0)
    told.count(4.0, life=2, ejections_not_allowed=9.0)
    told.count(6.5, life=2, ejections_not_allowed=10.0)
    assert ", 12 not allowed by" in told.verdict(circuit_breaker(EDGE, opens_within_s=1)).why  # 2 + 9 + 1


@pytest.mark.parametrize(
    ("told", "check", "why"),
    [
        (opening(), circuit_breaker(EDGE, probes=3), "never half-open"),
        (
            opening(closed=8.9),
            circuit_breaker(EDGE, closes_within_s=2.9),
            "made only 1 call later than 2.9 s after healing (5",
        ),
        (
            Told(edges=("frontend -> checkout", EDGE)),
            circuit_breaker("frontend -> checkout", probes=1),
            "no calls on",
        ),
        (elsewhere(), circuit_breaker(EDGE, opens_within_s=1), "no fault of hold is on"),
    ],
)
def test_it_is_inconclusive_where_nothing_shows_it(told, check, why):
    verdict = told.verdict(check)
    assert verdict.outcome == "inconclusive"
    assert why in verdict.why


def test_a_fault_that_makes_nothing_fail_opens_nothing():
    told = Told(links=("checkout-1--pricing-1",))
    told.story.events.pop()  # the one failed attempt
    told.send(*each(2.05, 6.0))
    assert "had no reason to open" in told.verdict(circuit_breaker(EDGE, opens_within_s=1)).why


def test_a_fault_that_is_too_short_shows_nothing():
    told = Told()
    told.send(*each(2.05, 6.0), status=503)
    verdict = told.verdict(circuit_breaker(EDGE, opens_within_s=5))
    assert (verdict.outcome, verdict.why) == ("inconclusive", "the fault lasted 4 s, less than the 5 s allowed")


def test_counts_need_the_proxys_own_counters_times_do_not():
    told = opening()
    told.forget_samples()
    assert "record of samples" in told.verdict(circuit_breaker(EDGE, attempts_while_open=0)).why
    assert told.verdict(circuit_breaker(EDGE, opens_within_s=0.5)).outcome == "held"


def test_a_slow_testbed_may_be_why_it_opened_late_never_why_it_sent_too_much():
    late = opening()
    late.story.probes(2.0, 6.0, 60.0)
    assert late.verdict(circuit_breaker(EDGE, opens_within_s=0.4)).outcome == "inconclusive"
    sent = half_open(4, counters=False)
    sent.story.probes(2.0, 6.0, 60.0)
    assert sent.verdict(circuit_breaker(EDGE, attempts_while_open=0, opens_within_s=0.5)).outcome == "violated"


def test_an_edge_without_a_proxy_or_that_is_not_there_is_refused():
    with pytest.raises(CheckError, match="there is no proxy between the load and the entry"):
        quiet().verdict(circuit_breaker("client -> frontend", probes=1))
    with pytest.raises(CheckError, match="there is no edge 'checkout -> pricin' \\(did you mean"):
        quiet().verdict(circuit_breaker("checkout -> pricin", probes=1))
    assert SHOP["entry"] == "frontend"


@pytest.mark.parametrize(
    ("bound", "message"),
    [
        ({}, "there is no bound"),
        ({"opens_within_s": 0}, "above 0"),
        ({"closes_within_s": float("inf")}, "above 0"),
        ({"probes": -1}, "whole number"),
        ({"attempts_while_open": 1.5}, "whole number"),
        ({"attempts_while_open": (3, 2)}, "at least 3 and at most 2"),
    ],
)
def test_bounds_that_make_no_sense_are_refused(bound, message):
    with pytest.raises(CheckError, match=message):
        circuit_breaker(EDGE, **bound)
