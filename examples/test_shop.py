"""The shop under the failures of an ordinary year: what its policies contain, and what two other shops' do not."""

import pytest

from testbed import (
    NotContained,
    Testbed,
    attempts,
    availability,
    call_duration,
    connection_reset,
    constant_rate,
    contained,
    delay,
    fallback,
    get,
    latency,
    max_latency,
    outage,
    p50,
    pause,
    recovery,
    statuses,
)

USERS = constant_rate(get("/checkout"), rps=70, users=400, cohorts={"trondheim": "5%"})
# No longer than the checks need: a count is sure after a few requests, and nobody looks at the recovery of most.
SHORT = {"warmup_s": 0.5, "baseline_s": 0.5, "hold_s": 1.5, "recover_s": 0}
RECOVERY = {**SHORT, "recover_s": 1.5}  # of which recovery(within_s=1) judges the last 0.5 s: 35 requests
A_HUNDRED_USERS = {**SHORT, "hold_s": 2}  # 93 of them prove "at most 5 %" even if one notices
THREE_HUNDRED_REQUESTS = {**RECOVERY, "hold_s": 4.5}  # 299 of them prove 99 %

# Pricing is slow for the 5 % of the users who are in Trondheim: a far database replica, a bad route.
SLOW_PRICING = delay(ms=2000).on("checkout -> pricing").for_cohort("trondheim")


def test_slow_pricing_costs_trondheim_the_offer_and_nothing_else(shop: Testbed):
    run = shop.experiment(SLOW_PRICING, load=USERS, **SHORT | {"baseline_s": 2, "hold_s": 3})
    run.check(
        affected=[
            statuses(200),
            max_latency(under_ms=1200),
            attempts("checkout -> pricing", at_most=3),
            fallback("list-price"),
        ],
        unaffected=[statuses(200), max_latency(under_ms=1200), p50(above_baseline_ms=50)],
    )


def test_an_impatient_frontend_turns_the_same_slowness_into_errors(impatient_shop: Testbed):
    """A timeout inversion: checkout has a fallback, but its caller no longer waits for it."""
    run = impatient_shop.experiment(SLOW_PRICING, load=USERS, **SHORT)
    with pytest.raises(NotContained, match="statuses"):
        run.check(affected=[statuses(200)])


@pytest.mark.control("30 ms are far below every timeout: a policy that reacts to them would be the mistake")
def test_30_ms_between_oslo_and_frankfurt_are_harmless(shop: Testbed):
    run = shop.experiment(latency(ms=30).on("frontend -> checkout"), load=USERS, **SHORT)
    run.check(all=[statuses(200), max_latency(under_ms=1200)])


def test_one_bad_pricing_replica_of_two_is_not_noticed(shop: Testbed):
    run = shop.experiment(outage("pricing", replicas=1, kind="erroring"), load=USERS, **THREE_HUNDRED_REQUESTS)
    run.check(all=[availability(at_least_percent=99), contained(at_most_percent=5, fallbacks=True)])
    run.check(all=[attempts("checkout -> pricing", at_most=3), recovery(within_s=1)])


def test_while_the_legacy_auth_hangs_everyone_is_a_guest(shop: Testbed):
    run = shop.experiment(pause().on(service="auth"), load=USERS, **RECOVERY)
    run.check(all=[statuses(200), fallback("guest"), call_duration("checkout -> auth", under_ms=350)])
    run.check(all=[recovery(within_s=1)])


def test_answers_that_break_off_are_asked_for_again(shop: Testbed):
    run = shop.experiment(
        connection_reset().on("pricing -> inventory", replica="inventory-1"), load=USERS, **A_HUNDRED_USERS
    )
    run.check(all=[statuses(200), contained(at_most_percent=5, fallbacks=True)])
    run.check(all=[attempts("pricing -> inventory", at_most=2)])


def test_eager_retries_multiply(eager_shop: Testbed):
    """Two layers of two retries each: one request becomes nine at inventory, just when inventory can least bear it."""
    down = outage("inventory", kind="erroring")
    run = eager_shop.experiment(down, load=constant_rate(get("/checkout"), rps=20), **SHORT)
    with pytest.raises(NotContained, match="attempts"):
        run.check(all=[attempts("pricing -> inventory", at_most=6, per="request")])


def test_the_shops_own_retries_stay_within_their_bound(shop: Testbed):
    """And within their time: inventory hangs, which without time-outs would be the end of every request."""
    run = shop.experiment(outage("inventory", kind="stall"), load=constant_rate(get("/checkout"), rps=20), **SHORT)
    run.check(all=[attempts("pricing -> inventory", at_most=6, per="request"), statuses(200)])
