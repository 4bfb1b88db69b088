"""A load on a gRPC service of the user's own: its method, encoded messages, its statuses; and a channel for asserts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

import testbed
from testbed import abort, availability, constant_rate, get, statuses, unary
from testbed.errors import TestbedError
from testbed.experiment.testbed import Testbed
from testbed.spec.topology import Topology
from tests.kit import PROGRAMS

pytestmark = pytest.mark.e2e

METHOD = "/shop.v1.Stock/Get"
SHORT: dict[str, Any] = {"warmup_s": 0.2, "baseline_s": 0.3, "hold_s": 0.7, "recover_s": 0}


@pytest.fixture(scope="module")
def stock() -> Iterator[Testbed]:
    program = str(PROGRAMS / "rpc_service.py")
    service = {"command": [sys.executable, "-u", program], "protocol": "grpc", "ready": {"tcp": True, "within": "60s"}}
    with testbed.start(Topology(name="stock", entry="stock", services={"stock": service})) as mesh:
        yield mesh


@pytest.fixture(autouse=True)
def _clean(stock: Testbed) -> None:
    stock.clean()


def test_calls_of_its_method_are_answered(stock: Testbed) -> None:
    run = stock.experiment(load=constant_rate(unary(METHOD, b"\x0a\x02no"), rps=20), **SHORT)
    run.check(all=[statuses("OK"), availability(at_least_percent=100)])
    index = run.history.index
    assert {(arrival.method, arrival.path) for arrival in index.arrivals.all} == {("POST", METHOD)}
    assert {arrival.request for arrival in index.arrivals.all} == {request.id for request in index.requests}


def test_a_status_of_its_own_is_what_users_get(stock: Testbed) -> None:
    run = stock.experiment(load=constant_rate(unary(METHOD, b"NOT_FOUND"), rps=20), **SHORT)
    run.check(all=[statuses("NOT_FOUND")])
    run.check(all=[statuses(404)])
    assert not any(request.ok for request in run.history.index.requests)


def test_a_method_that_it_does_not_have(stock: Testbed) -> None:
    run = stock.experiment(load=constant_rate(unary("/shop.v1.Stock/Nothing"), rps=20), **SHORT)
    run.check(all=[statuses("UNIMPLEMENTED")])


def test_a_fault_meets_its_users(stock: Testbed) -> None:
    fault = abort(grpc_status="RESOURCE_EXHAUSTED").on("client -> stock").for_users(percent=50)
    run = stock.experiment(fault, load=constant_rate(unary(METHOD), rps=20, users=10), **SHORT)
    run.check(affected=[statuses("RESOURCE_EXHAUSTED")], unaffected=[statuses("OK")])


def test_a_channel_for_plain_asserts_carries_a_user(stock: Testbed) -> None:
    with stock.channel(user="u0007") as channel:
        call: Any = channel.unary_unary(METHOD)
        assert b"tb.user=u0007" in call(b"hi", timeout=60)
        with stock.inject(abort(grpc_status="DATA_LOSS").on("client -> stock").for_users("u0007")):
            with pytest.raises(grpc.RpcError) as failed:
                call(b"hi", timeout=60)
            assert failed.value.code() is grpc.StatusCode.DATA_LOSS  # type: ignore[attr-defined]
        assert call(b"hi", timeout=60)


def test_what_does_not_speak_grpc_is_told_what_does(stock: Testbed) -> None:
    with pytest.raises(TestbedError, match=r"stock speaks grpc: use channel\(\)"):
        stock.client()
    with pytest.raises(TestbedError, match=r"a load of GET /: the entry stock speaks gRPC: use unary"):
        stock.experiment(load=constant_rate(get("/"), rps=20))
    with pytest.raises(testbed.TestbedError, match="carries gRPC, where callers read the gRPC status"):
        stock.experiment(abort(503).on("client -> stock"), load=constant_rate(unary(METHOD), rps=20))
