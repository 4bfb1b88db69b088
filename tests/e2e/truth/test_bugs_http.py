"""Bugs that people write into HTTP services, each beside the same service without it: state that survives a fault,
what tenants and pages share, repeated charges, retries at two layers, time limits in the wrong order."""

from __future__ import annotations

from typing import Any

import pytest

from testbed import (
    NotContained,
    abort,
    at_most_once,
    circuit_breaker,
    connection_reset,
    constant_rate,
    contained,
    delay,
    get,
    hang,
    outage,
    post,
    recovery,
    responses,
    retry_amplification,
    stall,
    statuses,
    topology,
)
from testbed.checks import Check, Verdict

pytestmark = pytest.mark.e2e

page = topology("bugs_http/page.yaml", scope="module")
chain = topology("bugs_http/chain.yaml", scope="module")
SHORT: dict[str, Any] = {"warmup_s": 0.2, "baseline_s": 0.6, "hold_s": 1, "recover_s": 0}
STOCK, REPORTS, LEAF, MID = "page -> stock", "page -> reports", "mid -> leaf", "front -> mid"
FAILS = abort(503).on(STOCK)
AFTER = contained().during("recover")
NEW = responses(text="new").during("recover")
OFFERS = contained().for_cohort("offers")
COHORTS: dict[str, Any] = {"users": 100, "cohorts": {"reports": "50%", "offers": "50%"}}


def load(path: str, rps: float = 20, **more: Any) -> Any:
    return constant_rate(get(path), rps=rps, user_headers={"x-cohort": "{cohort}"}, timeout_s=2, **more)


def red(run: Any, check: Check, **population: Any) -> Verdict:
    """The verdict on a check that is violated by the fault."""
    with pytest.raises(NotContained):
        run.check(**population or {"all": [check]})
    (found,) = (one for one in run.reports[-1].verdicts if one.outcome == "violated")
    assert "the steady state did not hold" not in found.why
    return found


def after_healing(page: Any, path: str) -> Any:
    return page.experiment(FAILS, load=load(path), **SHORT | {"recover_s": 1.4})


def test_planted_a_breaker_that_never_closes_again(page):
    run = after_healing(page, "/never-closes")
    assert f"all on {STOCK}" in red(run, AFTER).observed
    assert "did not close" in red(run, circuit_breaker(STOCK, closes_within_s=0.5)).observed
    assert f"page answered without a call on {STOCK}" in red(run, recovery(within_s=0.4)).next


def test_fixed_a_breaker_that_tries_again(page):
    run = after_healing(page, "/closes")
    run.check(all=[recovery(within_s=0.4)])


def test_planted_a_stored_answer_is_kept_for_ever(page):
    run = after_healing(page, "/stale-for-ever")
    run.check(all=[contained()])  # nobody gets an error
    assert f"page answered without a call on {STOCK}" in red(run, NEW).next


def test_fixed_a_stored_answer_is_for_the_time_of_the_fault(page):
    after_healing(page, "/stale").check(all=[contained(), NEW])


def test_planted_slots_that_failed_calls_do_not_give_back(page):
    found = red(after_healing(page, "/leaks"), AFTER)
    assert f"all on {STOCK}" in found.observed
    assert f"page answered without a call on {STOCK}" in found.next


def test_fixed_slots_that_failed_calls_give_back(page):
    after_healing(page, "/gives-back").check(all=[AFTER])


def one_tenant(page: Any, path: str) -> Any:
    return page.experiment(FAILS.for_cohort("reports"), load=load(path, rps=30, **COHORTS), **SHORT)


def test_planted_one_breaker_for_all_tenants(page):
    run = one_tenant(page, "/one-for-all")
    assert f"all on {STOCK}" in red(run, contained(), affected=[statuses(503)], unaffected=[contained()]).observed


def test_fixed_a_breaker_for_each_tenant(page):
    one_tenant(page, "/one-each").check(affected=[statuses(503)], unaffected=[contained()])


def slow_reports(page: Any, path: str) -> Any:
    return page.experiment(hang().on(REPORTS), load=load(path, rps=30, **COHORTS), **SHORT)


def test_planted_a_slow_page_takes_the_workers_of_the_others(page):
    run = slow_reports(page, "/shared")
    found = red(run, contained(slower_than_ms=500).for_cohort("offers"))
    assert REPORTS in found.observed
    assert "page was busy meanwhile" in found.next


def test_fixed_a_slow_page_has_its_own_share_of_the_workers(page):
    slow_reports(page, "/bulkhead").check(all=[contained(slower_than_ms=500).for_cohort("offers")])


def charged(page: Any, path: str) -> Any:
    return page.experiment(connection_reset().on(STOCK), load=constant_rate(post(path), rps=10), **SHORT)


def test_planted_the_app_charges_twice(page):
    found = red(charged(page, "/twice"), at_most_once(STOCK))
    assert "page itself made 2 calls" in found.why


def test_planted_the_proxy_charges_twice(page):
    with page.override_policies({STOCK: {"retries": {"attempts": 1, "retryOn": ["reset"], "backoff": "1ms"}}}):
        found = red(charged(page, "/once"), at_most_once(STOCK))
    assert f"the proxy of page repeated it once (attempts of one call: retries in the policy of {STOCK})" in found.why


def test_fixed_a_charge_is_sent_once(page):
    charged(page, "/once").check(all=[at_most_once(STOCK)])


def test_steady_killed_after_a_stall_no_connection_is_taken_for_one_past_the_mesh(page):
    page.experiment(stall().on(STOCK), load=load("/stale"), **SHORT).check(all=[contained()])
    run = page.experiment(outage("stock", kind="killed"), load=load("/stale"), **SHORT)
    run.check(all=[contained()])
    assert run.history.index.detours == []


def test_planted_retries_at_two_layers(chain):
    found = red(chain.experiment(abort(503).on(LEAF), load=load("/insists", rps=10), **SHORT), amplified())
    assert f"{MID}: front itself makes 3 calls for 1 request" in found.why
    assert f"{LEAF}: mid itself makes 9 calls for 3 requests" in found.why


def amplified() -> Check:
    return retry_amplification("leaf", at_most=3)


def test_fixed_retries_at_one_layer(chain):
    with chain.override_policies({LEAF: {"retries": {"attempts": 2, "retryOn": ["5xx"], "backoff": "1ms"}}}):
        chain.experiment(abort(503).on(LEAF), load=load("/once", rps=10), **SHORT).check(all=[amplified()])


def test_planted_a_fallback_later_than_the_caller_waits(chain):
    found = red(chain.experiment(delay(ms=1500).on(LEAF), load=load("/patient", rps=10), **SHORT), contained())
    assert f"all on {LEAF}" in found.observed
    assert found.policy.startswith(f"{MID}: {{timeout: 500ms}} (its timeout ended ")


def test_fixed_a_fallback_in_time(chain):
    chain.experiment(delay(ms=1500).on(LEAF), load=load("/in-time", rps=10), **SHORT).check(all=[contained()])
