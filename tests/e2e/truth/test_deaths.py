"""A request that ends an app while nothing is broken is a finding with its request; an error of the app is none."""

import pytest

from testbed import NotContained, constant_rate, get, statuses, topology

planted = topology("deadly/topology.yaml", scope="module")
fixed = topology("deadly/fixed.yaml", scope="module")
LOAD = constant_rate(get("/bad"), rps=2)
SHORT = {"warmup_s": 0, "baseline_s": 0, "hold_s": 1, "recover_s": 0}


def test_planted_a_request_that_ends_an_app_is_a_finding(planted):
    run = planted.experiment(load=LOAD, **SHORT)
    with pytest.raises(NotContained) as caught:
        run.check(all=[statuses(500)])
    (died,) = [verdict for verdict in run.reports[-1].verdicts if verdict.check == "no app dies"]
    assert died.why.startswith("back-1/app died with no fault in force: exit code 3")
    assert "GET /bad" in died.next
    assert "no app dies" in str(caught.value)


def test_steady_the_next_test_finds_it_alive(planted):
    planted.experiment(load=constant_rate(get("/good"), rps=5), **SHORT).check(all=[statuses(200)])


def test_fixed_an_error_is_no_death(fixed):
    fixed.experiment(load=LOAD, **SHORT).check(all=[statuses(500)])
