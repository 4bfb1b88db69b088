"""Whole meshes whose edges carry gRPC and HTTP/2: faults, policies, evidence and checks, in all three languages."""

from __future__ import annotations

import pytest

import testbed
from testbed import (
    abort,
    attempts,
    call_statuses,
    constant_rate,
    delay,
    get,
    kill,
    latency,
    max_latency,
    statuses,
    topology,
)
from testbed.errors import FaultError
from testbed.spec.load import load_topology
from tests.kit import MESHES
from tests.kit.grpc_planes import assert_retries_hide_what_fails_once

pytestmark = pytest.mark.e2e

rpc = topology("rpc.yaml", scope="module")
EDGE = "front -> back"
LOAD = constant_rate(get("/"), rps=20, users=5, timeout_s=60)
TIMES = {"warmup_s": 0.1, "baseline_s": 0.2, "hold_s": 0.5, "recover_s": 0.2}


def test_a_call_goes_through_all_of_them(rpc):
    with rpc.client() as client:
        answer = client.get("/")
    assert answer.status_code == 200
    assert [(call["to"], call["status"]) for call in answer.json()["calls"]] == [("back", 200), ("legacy", 200)]


def test_retries_hide_what_fails_once(rpc):
    legacy = call_statuses("front -> legacy", status=200)
    assert_retries_hide_what_fails_once(rpc, EDGE, legacy, load=LOAD, **TIMES)


def test_what_is_not_retried_reaches_the_caller(rpc):
    run = rpc.experiment(abort(grpc_status="RESOURCE_EXHAUSTED").on(EDGE), load=LOAD, **TIMES)
    run.check(all=[statuses(429), attempts(EDGE, exactly=1), call_statuses(EDGE, grpc_status="RESOURCE_EXHAUSTED")])


def test_a_fault_on_some_users_leaves_the_others_alone(rpc):
    fault = abort(grpc_status="NOT_FOUND").on(EDGE).for_users(percent=40)
    run = rpc.experiment(fault, load=LOAD, **TIMES)
    run.check(affected=[statuses(404)], unaffected=[statuses(200)])


def test_a_delay_ends_with_the_time_out_of_the_policy(rpc):
    with rpc.override_policies({EDGE: {"timeout": "1s"}}):
        run = rpc.experiment(delay(ms=600_000).on("back -> store"), load=LOAD, **TIMES)
    run.check(all=[max_latency(under_ms=59_000), statuses(503, 504)])


def test_a_latency_on_the_link_is_met_by_every_call(rpc):
    run = rpc.experiment(latency(ms=60).on("store -> ledger"), load=LOAD, **TIMES)
    run.check(all=[statuses(200), call_statuses("store -> ledger", grpc_status="OK")])
    held = [request.latency_ms for request in run.history.index.by_phase["hold"]]
    assert min(held) >= 59


def test_a_dead_replica_is_retried_elsewhere(rpc):
    run = rpc.experiment(kill().on(replica="back-1"), load=LOAD, **TIMES)
    run.check(all=[statuses(200), attempts(EDGE, at_most=3)])


def test_a_status_of_the_other_protocol_is_refused_before_anything_is_sent(rpc):
    with pytest.raises(FaultError, match="carries gRPC, where callers read the gRPC status"):
        rpc.experiment(abort(503).on(EDGE), load=LOAD)
    with pytest.raises(FaultError, match="carries http2, which has no gRPC status"):
        rpc.experiment(abort(grpc_status="UNAVAILABLE").on("front -> legacy"), load=LOAD)


def test_an_http2_edge_takes_http_faults(rpc):
    run = rpc.experiment(abort(503).on("front -> legacy"), load=LOAD, **TIMES)
    run.check(all=[statuses(200), call_statuses("front -> legacy", status=503)])


def test_without_a_mesh_the_apps_call_the_links_themselves_and_say_how_it_ended():
    whole = load_topology(MESHES / "mesh/rpc.yaml")
    services = {**whole.services, "legacy": whole.services["legacy"].model_copy(update={"protocol": "http"})}
    bare = testbed.Topology(name="bare", mesh="none", entry="front", services=services)
    with testbed.start(bare) as mesh:
        run = mesh.experiment(abort(grpc_status="UNAVAILABLE").on(EDGE), load=LOAD, **TIMES)
        run.check(all=[statuses(503), call_statuses(EDGE, grpc_status="UNAVAILABLE")])
