"""Faults off the path that request ids show: behind a service without context, and at a process that nobody calls."""

import pytest

from testbed import (
    Inconclusive,
    NotContained,
    availability,
    connection_refused,
    constant_rate,
    get,
    kill,
    latency,
    stall,
    topology,
)

shop = topology("off_the_path/topology.yaml", scope="module")
LOAD = constant_rate(get("/"), rps=20)
SHORT = {"warmup_s": 0.3, "baseline_s": 0.7, "hold_s": 1.5, "recover_s": 0.2}
MOST_SUCCEED = availability(at_least_percent=80)
DOWN = connection_refused().on("inventory -> store")


def test_fixed_a_slow_store_behind_a_service_without_context_holds(shop):
    run = shop.experiment(latency(ms=20).on("inventory -> store"), load=LOAD, **SHORT)
    run.check(all=[MOST_SUCCEED])
    assert any("without a request id on inventory -> store" in one for one in run.warnings)


def test_planted_a_store_that_refuses_there_is_found(shop):
    run = shop.experiment(DOWN, load=LOAD, **SHORT)
    with pytest.raises(NotContained):
        run.check(all=[MOST_SUCCEED])


def test_planted_a_killed_store_there_is_found(shop):
    with pytest.raises(NotContained):
        shop.experiment(kill().on(service="store"), load=LOAD, **SHORT).check(all=[MOST_SUCCEED])


def test_planted_a_silenced_health_check_is_judged(shop):
    run = shop.experiment(kill().on(service="checker"), load=LOAD, **SHORT)
    run.check(all=[MOST_SUCCEED])
    assert any("indirect path" in one and "checker -> inventory" in one for one in run.warnings)


def test_wrong_a_fault_for_some_users_there_still_proves_nothing(shop):
    from testbed import delay

    fault = delay(ms=5).on("gateway -> inventory").for_users(percent=20)
    with pytest.raises(Inconclusive):
        shop.experiment(fault, load=constant_rate(get("/"), rps=20, users=50), **SHORT).check(all=[MOST_SUCCEED])


def test_steady_a_checker_without_answers_is_judged_by_its_effect_on_users(shop):
    run = shop.experiment(stall().on("checker -> inventory"), load=LOAD, **SHORT)
    run.check(all=[MOST_SUCCEED])
    assert any("indirect path" in one and "checker -> inventory" in one for one in run.warnings)
