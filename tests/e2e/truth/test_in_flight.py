"""Calls that nobody gives up on are still in flight when the record ends: they count, and who holds them is named."""

import pytest

from testbed import NotContained, constant_rate, delay, get, hang, statuses, topology

waiting = topology("in_flight/topology.yaml", scope="module")
PATIENT = {edge: {"timeout": "100ms"} for edge in ("front -> back", "front -> mid", "mid -> deep")}
bounded = topology("in_flight/topology.yaml", policies=PATIENT, scope="module")
LOAD = constant_rate(get("/"), rps=8, timeout_s=0.5)
SHORT = {"warmup_s": 0.3, "baseline_s": 0.3, "hold_s": 1, "recover_s": 0.1}
NEAR, DEEP = "front -> back", "mid -> deep"
FAULTS = [
    pytest.param(hang(), NEAR, id="a hang one hop away"),
    pytest.param(delay(ms=60_000), NEAR, id="a delay longer than the run"),
    pytest.param(hang(), DEEP, id="a hang two hops away, gRPC"),
]


@pytest.mark.parametrize(("fault", "edge"), FAULTS)
def test_planted_callers_that_never_give_up_are_found(waiting, fault, edge):
    run = waiting.experiment(fault.on(edge), load=LOAD, **SHORT)
    with pytest.raises(NotContained):
        run.check(all=[statuses(200)])
    assert any(f"still in flight on {edge}" in one and f"at {edge.split()[-1]}-1" in one for one in run.warnings)
    held = [one for one in run.history.index.arrivals.on(edge) if one.outcome == "in_flight"]
    assert held
    assert all(one.fault for one in held)


def test_fixed_with_a_timeout_nothing_stays_in_flight(bounded):
    run = bounded.experiment(hang().on(DEEP), load=LOAD, **SHORT)
    run.check(all=[statuses(503)])
    assert not any("still in flight on mid -> deep" in one for one in run.warnings)
