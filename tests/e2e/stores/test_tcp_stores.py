"""Faults on a tcp edge to a real store: the driver's time-outs end what does not come, and its pool recovers."""

from __future__ import annotations

from typing import Any

import pytest

from testbed import (
    abort,
    connection_refused,
    connection_reset,
    constant_rate,
    get,
    kill,
    latency,
    limit_data,
    partition,
    stall,
    statuses,
)
from testbed.errors import FaultError
from testbed.experiment.testbed import Testbed
from testbed.faults.base import Fault
from tests.kit.processes import eventually

pytestmark = pytest.mark.e2e

SHORT: dict[str, Any] = {"warmup_s": 0.2, "baseline_s": 0.3, "hold_s": 0.7, "recover_s": 0}
LOAD, QUICK, BIG = (constant_rate(get(path), rps=20, timeout_s=60) for path in ("/", "/quick", "/quick/big"))


@pytest.fixture(params=["cached", "stored"])
def shop(request: pytest.FixtureRequest) -> Testbed:
    mesh: Testbed = request.getfixturevalue(request.param)
    mesh.clean()
    return mesh


def edge(shop: Testbed) -> str:
    return f"api -> {shop.topology.name}"


def failed(shop: Testbed, fault: Fault, load: Any = QUICK) -> set[int]:
    """How the requests are answered that are sent while the edge is broken; then the pool has to recover.

    None waits for the load's own time-out, and nothing that the fault swallows ever comes.
    """
    run = shop.experiment(fault, load=load, **SHORT)
    run.check(all=[statuses(200, 503)])
    with shop.client() as client:
        eventually(lambda: all(client.get("/quick").status_code == 200 for _ in range(10)), within_s=60)
    return {one.status for one in run.history.index.by_phase["hold"]}


def test_without_a_fault_everything_is_answered(shop: Testbed) -> None:
    run = shop.experiment(load=LOAD, **SHORT)
    run.check(all=[statuses(200)])
    attempts = run.history.index.attempts.on(edge(shop))
    assert attempts
    assert {(one.source, one.status, one.request) for one in attempts} == {("connection", 0, "")}
    assert len(attempts) < len(run.history.index.requests)  # a pool


def test_latency_is_waited_for(shop: Testbed) -> None:
    run = shop.experiment(latency(ms=80).on(edge(shop)), load=LOAD, **SHORT)
    run.check(all=[statuses(200)])
    assert min(one.latency_ms for one in run.history.index.by_phase["hold"]) >= 79


@pytest.mark.parametrize("fault", [connection_reset(), connection_refused()], ids=str)
def test_a_broken_connection_is_an_error_and_the_pool_gets_new_ones(shop: Testbed, fault: Any) -> None:
    assert 503 in failed(shop, fault.on(edge(shop)))


def test_a_truncated_answer_is_an_error_and_no_half_of_a_value(shop: Testbed) -> None:
    assert failed(shop, limit_data(bytes=50_000).on(edge(shop)), BIG) == {503}


@pytest.mark.parametrize("direction", ["requests", "answers"])
def test_a_silent_store_is_given_up_and_the_pool_recovers(shop: Testbed, direction: Any) -> None:
    assert failed(shop, stall(direction=direction).on(edge(shop))) == {503}


def test_a_partition_is_given_up_and_the_pool_recovers(shop: Testbed) -> None:
    assert 503 in failed(shop, partition("api", shop.topology.name))


def test_a_store_that_is_killed_comes_back_and_so_do_its_connections(shop: Testbed) -> None:
    assert 503 in failed(shop, kill().on(service=shop.topology.name))


def test_a_request_fault_is_refused_with_the_reason_before_anything_is_sent(shop: Testbed) -> None:
    with pytest.raises(FaultError, match=f"api -> {shop.topology.name} is a tcp edge: it carries connections"):
        shop.experiment(abort(503).on(edge(shop)), load=LOAD)
