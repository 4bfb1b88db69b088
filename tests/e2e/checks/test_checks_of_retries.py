"""The checks about retries, deadlines and containment on a real mesh: a policy that holds, and the same without it."""

import pytest

from testbed import (
    NotContained,
    abort,
    at_most_once,
    attempts,
    connection_refused,
    constant_rate,
    contained,
    deadline_propagation,
    delay,
    get,
    latency,
    outage,
    retry_amplification,
    retry_budget,
    statuses,
    topology,
)

pytestmark = pytest.mark.e2e
BACK = "middle -> back"
SHORT = {"warmup_s": 0.1, "baseline_s": 0.2, "hold_s": 0.5, "recover_s": 0.2}
NO_RETRY = {"front -> middle": {"retries": None}}
CAREFUL = {**NO_RETRY, BACK: {"retries": {"attempts": 2, "retryOn": ["connect-failure"]}}}
LIMITED = {**NO_RETRY, BACK: {"circuitBreaker": {"maxRetries": 2}}}
BUDGETED = {**NO_RETRY, BACK: {"retryBudget": {"percent": 25, "minRetryConcurrency": 2}}}
IMPATIENT = {"front -> middle": {"timeout": "100ms", "retries": None}}

chain = topology("chain.yaml", scope="module")


def load(path="/", rps=20):
    return constant_rate(get(path), rps=rps, users=5, timeout_s=60)  # so few that each of them comes many times


def violated(run, check):
    """The verdict on a check that has to be violated."""
    with pytest.raises(NotContained):
        run.check(all=[check])
    (verdict,) = run.judge(all=[check]).verdicts
    assert verdict.outcome == "violated"
    return verdict


def test_amplification_is_what_the_policies_imply_and_no_less(chain):
    run = chain.experiment(abort(503).on(BACK), load=load(), **SHORT)
    (verdict,) = run.check(all=[retry_amplification("back")]).verdicts
    assert (verdict.observed, verdict.bound) == ("9 each", "<= 9 per request (3 x 3 = 9)")
    assert violated(run, retry_amplification("back", at_most=3)).margin == "6 too many"


def test_retries_at_once_stay_within_what_the_breaker_allows(chain):
    slow_failure = (abort(503).on(BACK), delay(ms=100).on(BACK))
    with chain.override_policies(LIMITED):
        run = chain.experiment(*slow_failure, load=load(rps=60), **SHORT)
    (verdict,) = run.check(all=[retry_budget(BACK)]).verdicts
    assert verdict.bound == "at the same time <= 2"
    assert verdict.observed == "retries: 2, allowed: 2"


def test_retries_at_once_stay_within_the_budget(chain):
    slow_failure = (abort(503).on(BACK), delay(ms=200).on(BACK))
    with chain.override_policies(BUDGETED):
        run = chain.experiment(*slow_failure, load=load(rps=60), **SHORT)
    (verdict,) = run.check(all=[retry_budget(BACK)]).verdicts
    assert verdict.bound == "at the same time <= 25 % of the requests or 2"
    violated(run, retry_budget(BACK, percent=10, floor=1, at_once=True))


def test_without_the_breaker_retries_pile_up(chain):
    slow_failure = (abort(503).on(BACK), delay(ms=100).on(BACK))
    with chain.override_policies(NO_RETRY):
        run = chain.experiment(*slow_failure, load=load(rps=60), **SHORT)
    assert violated(run, retry_budget(BACK, floor=2, at_once=True)).bound == "at the same time <= 2"
    assert violated(run, retry_budget(BACK, percent=20)).observed == "retries: 60, allowed: 6"
    run.check(all=[retry_budget(BACK, percent=200)])  # two retries for each call, and no more


def test_what_arrives_after_its_caller_gave_up_is_late(chain):
    far = latency(ms=1000, direction="requests").on("front -> middle")
    with chain.override_policies(IMPATIENT):
        run = chain.experiment(far, load=load(), **SHORT | {"hold_s": 1.5})
    verdict = violated(run, deadline_propagation(grace_ms=600))
    assert verdict.edge.startswith("front -> middle")  # and what middle then asks of back, for nobody
    assert "the whole request was over" in verdict.why


def test_a_caller_that_gives_up_early_wastes_what_was_begun(chain):
    with chain.override_policies(IMPATIENT):
        run = chain.experiment(latency(ms=2000).on(BACK), load=load("/twice"), **SHORT)
    run.check(
        all=[deadline_propagation(grace_ms=1000)]
    )  # middle is told that its caller has left, and asks back no more
    assert violated(run, deadline_propagation(wasted_percent=10, grace_ms=1000)).edge.startswith("front -> middle")


def test_a_caller_that_waits_long_enough_wastes_nothing(chain):
    run = chain.experiment(latency(ms=250).on(BACK), load=load("/twice"), **SHORT)
    run.check(all=[deadline_propagation(wasted_percent=1), statuses(200)])


def test_a_retried_post_is_done_again(chain):
    run = chain.experiment(abort(503).on(BACK), load=load("/order"), **SHORT)
    assert "POST /orders arrived 9 times for one request" in violated(run, at_most_once(BACK)).why


def test_a_post_that_was_refused_is_not_done_twice(chain):
    with chain.override_policies(CAREFUL):
        run = chain.experiment(connection_refused().on(BACK, replica="back-1"), load=load("/order", rps=40), **SHORT)
    run.check(all=[at_most_once(BACK), statuses(200), attempts(BACK, at_most=2)])
    violated(run, attempts(BACK, at_most=1))  # so there were retries, and none of them had an effect
    (other,) = run.judge(all=[at_most_once("front -> middle")]).verdicts
    assert other.outcome == "inconclusive"


def test_a_fault_for_some_users_is_contained_if_nobody_else_notices(chain):
    run = chain.experiment(abort(503).on(BACK).for_users(percent=20), load=load(rps=60), **SHORT)
    (outside,) = run.check(all=[contained()]).verdicts
    assert outside.observed == "0 of 4 users affected"
    (inside,) = run.judge(affected=[contained()]).verdicts
    assert inside.observed.startswith("1 of 1 users affected (100 %), all on middle -> back, for ")


def test_half_an_outage_without_retries_is_noticed(chain):
    with chain.override_policies(CAREFUL):
        run = chain.experiment(outage("back", replicas=1, kind="erroring"), load=load(rps=60), **SHORT)
    verdict = violated(run, contained())
    assert "of 5 users affected" in verdict.observed
    assert ", all on middle -> back, for " in verdict.observed
    assert "at_most=5, and there were only 5 users" in run.judge(all=[contained(at_most=5)]).verdicts[0].why
    violated(run, contained(within_s=0.2))


def test_half_an_outage_with_retries_is_contained(chain):
    run = chain.experiment(outage("back", replicas=1, kind="erroring"), load=load(rps=60), **SHORT)
    run.check(all=[contained(slower_than_ms=30_000)])
