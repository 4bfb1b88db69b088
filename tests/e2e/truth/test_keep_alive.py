"""An app closes idle connections while its caller reuses them: red with and without the inlet; so is the cure green."""

import pytest

from testbed import NotContained, constant_rate, get, statuses, topology

CURE = {"front -> core": {"connectionPool": {"idleTimeout": "40ms"}}}
FILE = "keep_alive/topology.yaml"

planted = topology(FILE, scope="module")
planted_straight = topology(FILE, request_faults=False, scope="module")
cured = topology(FILE, policies=CURE, scope="module")
cured_straight = topology(FILE, policies=CURE, request_faults=False, scope="module")
LOAD = constant_rate(get("/"), rps=5)  # each request comes 200 ms after the one before
SHORT = {"warmup_s": 0.3, "baseline_s": 0.3, "hold_s": 2, "recover_s": 0.3}


@pytest.mark.parametrize("name", ["planted", "planted_straight"])
def test_planted_reused_connections_that_the_app_closes_are_found(name, request):
    run = request.getfixturevalue(name).experiment(load=LOAD, **SHORT)
    with pytest.raises(NotContained):
        run.check(all=[statuses(200)])
    assert any(attempt.outcome == "reset" for attempt in run.history.index.attempts.on("front -> core"))


@pytest.mark.parametrize("name", ["cured", "cured_straight"])
def test_fixed_an_idle_timeout_below_that_of_the_app_cures_it(name, request):
    request.getfixturevalue(name).experiment(load=LOAD, **SHORT).check(all=[statuses(200)])
