"""Why a replica was not ejected, or came back: a hint rests on counters, attempts and the policy."""

import pytest

from testbed.checks import circuit_breaker, outlier_ejection
from tests.kit.proxy_samples import HOSTS, Told, each
from tests.kit.story import EDGE

CHECK = outlier_ejection(EDGE, within_s=1)


def shop(**rule):
    """A topology that can be read, with this outlierDetection on the edge; without a word: none."""
    services = {
        "frontend": {"language": "go", "calls": ["checkout"]},
        "checkout": {"language": "go", "calls": ["pricing"]},
        "pricing": {"language": "go", "replicas": 2},
    }
    policy = {"edge": EDGE, "timeout": 500.0} | ({"outlierDetection": rule} if rule else {})
    return {"name": "shop", "entry": "frontend", "services": services, "policies": [policy]}


def bad(topology, *, every=2, last=6.0, more=(), **counters):
    """Both replicas get attempts; every second one at the bad replica fails, in turns with the other one."""
    told = Told(topology=topology)
    told.send(*each(2.01, 9.0), callee="pricing-2")
    for number, at in enumerate(at for at in each(2.03, 9.0) if at < last or at >= 6.0):
        told.send(at, callee="pricing-1", status=503 if number % every < every - 1 or every == 1 else 200)
    told.send(*more, callee="pricing-1", status=503)
    told.count(1.0)
    told.count(6.5, **counters)
    return told


def test_without_outlier_detection_nothing_else_is_named():
    verdict = bad(shop()).verdict(CHECK)
    assert verdict.why.endswith("; the policy of checkout -> pricing has no outlierDetection")
    assert verdict.next == "outlierDetection of checkout -> pricing"


def test_a_threshold_that_was_not_reached_is_named_with_the_longest_run():
    verdict = bad(shop(maxEjectionPercent=50), every=4).verdict(CHECK)
    assert "pricing-1 failed at most 4 times in a row, and consecutive5xxErrors is 5" in verdict.why
    assert "maxEjectionPercent" not in verdict.next


def test_gateway_errors_have_a_threshold_of_their_own():
    rule = {"consecutive5xxErrors": 0, "consecutiveGatewayErrors": 7}
    assert "and consecutiveGatewayErrors is 7" in bad(shop(**rule), every=3).verdict(CHECK).why
    off = bad(shop(consecutive5xxErrors=0), every=1).verdict(CHECK)
    assert off.why.endswith("all detectors of outlierDetection are off")


def test_a_limit_is_named_only_with_its_counter_and_with_the_replica_that_took_the_place():
    told = bad(shop(maxEjectionPercent=50), every=1, ejections_not_allowed=4.0)
    told.count(4.0, **{"ejected.pricing-2": 1.0})
    verdict = told.verdict(CHECK)
    assert verdict.why.endswith(
        "pricing-1 was not ejected: maxEjectionPercent 50 % of 2 replicas forbade 4 ejections while pricing-2 was "
        "ejected"
    )
    assert verdict.next == "maxEjectionPercent"


def test_attempts_in_panic_name_the_percentage():
    verdict = bad(shop(minHealthPercent=60), every=1, sent_in_panic=9.0).verdict(CHECK)
    assert "9 attempts went to ejected replicas: fewer than minHealthPercent 60 % were healthy" in verdict.why
    assert verdict.next == "minHealthPercent"


def test_a_replica_that_gets_attempts_in_panic_was_ejected_once():
    told = bad(shop(minHealthPercent=60), every=1, sent_in_panic=9.0)
    for at in (3.0, 4.0, 5.0):
        told.count(at, **{"ejected.pricing-1": 1.0})
    assert "ejected 1 time, after 21 attempts, then 60 attempts without another" in told.verdict(CHECK).why


def test_a_replica_that_comes_back_is_told_ejection_by_ejection():
    returns = [3.5, 3.55, 3.6, 4.5, 4.55, 4.6, 4.65, 4.7, 4.75]
    verdict = bad(shop(baseEjectionTime="1s"), every=1, last=2.3, more=returns).verdict(CHECK)
    assert "ejected 3 times, after 7, 3, 6 attempts" in verdict.why
    assert "the first ejection lasts 1 s (baseEjectionTime)" in verdict.why
    assert verdict.next.startswith("baseEjectionTime: a replica that comes back is tried again")


@pytest.mark.parametrize("host", HOSTS)
def test_an_ejection_is_seen_in_a_sample_between_two_attempts(host):
    told = Told(topology=shop(maxEjectionPercent=50))
    told.send(*each(2.01, 6.0, 0.5), callee="pricing-1", status=503)
    told.count(3.3, **{f"ejected.{host}": 1.0})
    told.send(*each(6.1, 9.0), callee="pricing-2")
    verdict = told.verdict(CHECK)
    assert ("ejected 1 time, after 4 attempts" in verdict.why) == (host == "pricing-1")


def test_a_replica_that_stays_away_is_told_with_its_ejection_time():
    told = Told(topology=shop(baseEjectionTime="20s", interval="2s"))
    told.send(*each(2.01, 9.0), callee="pricing-2")
    told.send(*each(2.03, 2.5), callee="pricing-1", status=503)
    verdict = told.verdict(outlier_ejection(EDGE, back_within_s=1))
    assert verdict.next == "ejected 1 time: the n-th ejection lasts n x 20 s, looked at every 2 s"


OPENS = circuit_breaker(EDGE, opens_within_s=1)


def test_a_breaker_stays_closed_while_a_replica_is_healthy():
    verdict = bad(shop(maxEjectionPercent=100), every=1, ejections=1.0).verdict(OPENS)
    assert verdict.next.startswith("of 2 replicas only pricing-1 failed, and the breaker opens when all are ejected")


def test_a_breaker_that_was_kept_closed_names_the_reason_of_each_failing_replica():
    told = bad(shop(maxEjectionPercent=50), every=1, ejections_not_allowed=4.0)
    told.send(*each(2.02, 6.0), callee="pricing-2", status=503)
    verdict = told.verdict(OPENS)
    assert verdict.next.startswith(
        "pricing-1 was not ejected: maxEjectionPercent 50 % of 2 replicas forbade 4 ejections"
    )


def test_limits_that_were_not_reached_are_told_as_that():
    topology = shop()
    topology["policies"][0] |= {"circuitBreaker": {"maxRequests": 50}}
    assert bad(topology, every=1).verdict(OPENS).next == "circuitBreaker: its limits were not reached"
