"""Faults on a tcp edge to a real store: the driver's time-outs end what does not come, and its pool recovers."""

from __future__ import annotations

from typing import Any

import pytest

from testbed import (
    abort,
    get,
    kill,
    latency,
    only_statuses,
    partition,
    recovers,
    refused,
    reset,
    silent,
    slowest,
    steady,
    truncated,
)
from testbed.errors import FaultError
from testbed.live import Testbed

pytestmark = pytest.mark.e2e

SHORT: dict[str, Any] = {"warmup_s": 0.3, "baseline_s": 1, "hold_s": 2, "recover_s": 5}
LOAD = steady(get("/"), rps=20)
BIG = steady(get("/big"), rps=10)
GIVES_UP_MS = 5_000  # time-outs of half a second and less, one after the other, on a busy machine


@pytest.fixture(params=["cached", "stored"])
def shop(request: pytest.FixtureRequest) -> Testbed:
    mesh: Testbed = request.getfixturevalue(request.param)
    mesh.clean()
    return mesh


def edge(shop: Testbed) -> str:
    return f"api -> {shop.topology.name}"


def test_without_a_fault_everything_is_answered(shop: Testbed) -> None:
    run = shop.experiment(load=LOAD, **SHORT | {"recover_s": 0})
    run.check(all=[only_statuses(200)])
    attempts = run.history.index.attempts.on(edge(shop))
    assert attempts
    assert {(one.source, one.status, one.request) for one in attempts} == {("connection", 0, "")}
    assert len(attempts) < len(run.history.index.requests)  # a pool


def test_latency_is_waited_for(shop: Testbed) -> None:
    run = shop.experiment(latency(ms=80).on(edge(shop)), load=LOAD, **SHORT)
    run.check(all=[only_statuses(200), recovers(within_s=2)], touched=[slowest(under_ms=GIVES_UP_MS)])
    assert min(one.latency_ms for one in run.history.index.by_phase["hold"]) >= 79


@pytest.mark.parametrize("fault", [reset(), refused()], ids=str)
def test_a_broken_connection_is_an_error_at_once_and_the_pool_gets_new_ones(shop: Testbed, fault: Any) -> None:
    run = shop.experiment(fault.on(edge(shop)), load=LOAD, **SHORT)
    run.check(all=[only_statuses(200, 503), slowest(under_ms=GIVES_UP_MS), recovers(within_s=3)])
    assert any(one.status == 503 for one in run.history.index.by_phase["hold"])


def test_a_truncated_answer_is_an_error_and_no_half_of_a_value(shop: Testbed) -> None:
    run = shop.experiment(truncated(bytes=50_000).on(edge(shop)), load=BIG, **SHORT)
    run.check(all=[only_statuses(200, 503), slowest(under_ms=GIVES_UP_MS), recovers(within_s=3)])
    assert {one.status for one in run.history.index.by_phase["hold"]} == {503}


@pytest.mark.parametrize("direction", ["requests", "answers"])
def test_a_silent_store_is_given_up_and_the_pool_recovers(shop: Testbed, direction: Any) -> None:
    run = shop.experiment(silent(direction=direction).on(edge(shop)), load=LOAD, **SHORT)
    run.check(all=[only_statuses(200, 503), slowest(under_ms=GIVES_UP_MS), recovers(within_s=4)])
    assert {one.status for one in run.history.index.by_phase["hold"]} == {503}


def test_a_partition_is_given_up_and_the_pool_recovers(shop: Testbed) -> None:
    fault = partition("api", shop.topology.name)
    run = shop.experiment(fault, load=LOAD, **SHORT)
    run.check(all=[only_statuses(200, 503), slowest(under_ms=GIVES_UP_MS), recovers(within_s=4)])
    assert any(one.status == 503 for one in run.history.index.by_phase["hold"])


def test_a_store_that_is_killed_comes_back_and_so_do_its_connections(shop: Testbed) -> None:
    run = shop.experiment(kill().on(service=shop.topology.name), load=LOAD, **SHORT)
    run.check(all=[only_statuses(200, 503), slowest(under_ms=GIVES_UP_MS), recovers(within_s=4)])


def test_a_request_fault_is_refused_with_the_reason_before_anything_is_sent(shop: Testbed) -> None:
    with pytest.raises(FaultError, match=f"api -> {shop.topology.name} is a tcp edge: it carries connections"):
        shop.experiment(abort(503).on(edge(shop)), load=LOAD)
