"""A load that speaks gRPC, or HTTP/2, at the entry: what its users see, and every fault on the load's own link."""

from __future__ import annotations

import grpc
import pytest

import testbed
from testbed import (
    abort,
    attempts,
    availability,
    bandwidth,
    call_duration,
    call_statuses,
    connection_refused,
    connection_reset,
    constant_rate,
    contained,
    delay,
    fallback,
    get,
    hang,
    kill,
    latency,
    limit_data,
    max_latency,
    pause,
    restart,
    slicer,
    stall,
    statuses,
    throttle,
    topology,
    unreachable,
)
from testbed.errors import TestbedError

pytestmark = pytest.mark.e2e

rpc = topology("allrpc.yaml", scope="module")
OWN, EDGE = "client -> front", "front -> back"
SHORT = {"warmup_s": 0.1, "baseline_s": 0.3, "hold_s": 0.5, "recover_s": 0.3}


def load(path="/", timeout_s=30, **more):
    return constant_rate(get(path), rps=25, timeout_s=timeout_s, **more)


def run_until_well(traffic, phase):
    """Keep the load on until everybody is answered for a while; the check of the last such phase."""
    for number in range(100):
        name = f"{phase} {number}"
        traffic.run(for_s=0.2, phase=name)
        if all(request.ok for request in traffic.requests() if request.phase == name):
            return statuses("OK").during(name)
    return pytest.fail(f"users are not answered {phase}")


def hit(rpc, fault, **patience):
    """A run in which all is well, then a fault is in force, then all is well again; it is judged."""
    with rpc.load(load(**patience)) as traffic:
        before = run_until_well(traffic, "before")
        with rpc.inject(fault):
            traffic.run(for_s=0.5, phase="hold")
        after = run_until_well(traffic, "after")
    run = traffic.result()
    run.check(all=[before, after])
    return run


def test_without_a_fault_everything_is_ok_and_on_record(rpc):
    run = rpc.experiment(load=load(), **SHORT)
    run.check(
        all=[
            statuses("OK"),
            availability(at_least_percent=100),
            call_statuses(EDGE, grpc_status="OK"),
            attempts(EDGE, exactly=1),
            max_latency(under_ms=29_000),
        ]
    )
    run.check(all=[statuses(200)])
    index = run.history.index
    assert {(r.status, r.grpc_status, r.method, r.path) for r in index.requests} == {(200, 0, "GET", "/")}
    assert {r.replica for r in index.requests} == {"front-1", "front-2"}
    for edge in (OWN, EDGE):
        assert sorted(one.request for one in index.arrivals.on(edge)) == sorted(r.id for r in index.requests)
    assert run.warnings == []


def test_a_failure_is_told_by_its_grpc_status(rpc):
    run = rpc.experiment(abort(grpc_status="NOT_FOUND").on(EDGE), load=load("/strict"), **SHORT)
    run.check(all=[statuses("NOT_FOUND"), call_statuses(EDGE, grpc_status="NOT_FOUND")])
    report = run.judge(all=[availability(at_least_percent=100), contained(), statuses("OK")])
    assert [verdict.outcome for verdict in report.verdicts] == ["violated"] * 3
    assert "NOT_FOUND" in report.verdicts[0].why


def test_a_fallback_is_named_to_the_user(rpc):
    run = rpc.experiment(abort(grpc_status="UNAVAILABLE").on(EDGE), load=load(), **SHORT)
    run.check(all=[statuses("OK"), fallback("last-stock"), attempts(EDGE, exactly=2)])


def test_a_cohort_alone_is_hit(rpc):
    fault = abort(grpc_status="UNAVAILABLE").on(OWN).for_cohort("oslo")
    run = rpc.experiment(fault, load=load(users=4, cohorts={"oslo": "50%"}), **SHORT)
    run.check(affected=[statuses("UNAVAILABLE")], unaffected=[statuses("OK")])


def test_a_users_patience_is_the_deadline_of_the_call(rpc):
    run = rpc.experiment(hang().on(OWN), load=load(timeout_s=0.6), **SHORT)
    run.check(all=[call_duration(OWN, under_ms=60_000)])
    index = run.history.index
    held = index.by_phase["hold"]
    assert {(r.status, r.grpc_status, r.error) for r in held} == {(0, None, "timeout")}
    assert min(r.latency_ms for r in held) >= 599
    ids = {r.id for r in held}
    flags = {arrival.flags for arrival in index.arrivals.on(OWN) if arrival.request in ids}
    assert flags
    assert flags <= {"DI,DR", "DI,DC"}
    assert not ids & {arrival.request for arrival in index.arrivals.on(EDGE)}


SLOW = [latency(ms=60), delay(ms=60), throttle(kb_per_s=1), bandwidth(kb_per_s=20), slicer(bytes=20, pause_ms=0.5)]
BROKEN = [connection_reset(), connection_refused(), limit_data(bytes=5)]
QUIET = [stall(), unreachable()]
ENTRY = [kill(), pause(), restart()]


@pytest.mark.parametrize("fault", SLOW, ids=str)
def test_what_is_slow_is_slow_and_nothing_else(rpc, fault):
    run = rpc.experiment(fault.on(OWN), load=load(), **SHORT)
    run.check(all=[statuses("OK"), statuses("OK").during("recover")])
    if fault in (latency(ms=60), delay(ms=60)):
        assert min(r.latency_ms for r in run.history.index.by_phase["hold"]) >= 59


@pytest.mark.parametrize("fault", [*BROKEN, *QUIET], ids=str)
def test_what_breaks_the_link_leaves_no_answer_and_the_next_connection_is_good(rpc, fault):
    run = hit(rpc, fault.on(OWN), **({"timeout_s": 1} if fault in QUIET else {}))
    held = run.history.index.by_phase["hold"]
    assert {(r.status, r.grpc_status) for r in held} == {(0, None)}
    assert {r.error for r in held} <= {"timeout"} if fault in QUIET else {"reset", "eof", "refused"}


@pytest.mark.parametrize("fault", ENTRY, ids=str)
def test_a_process_of_the_entry_that_fails(rpc, fault):
    run = hit(rpc, fault.on(replica="front-1"), timeout_s=2)
    ended = {
        name: [r.ok for r in run.history.index.by_phase["hold"] if r.replica == name] for name in ("front-1", "front-2")
    }
    assert any(ended["front-2"])
    assert fault == restart() or not any(ended["front-1"])


@pytest.mark.parametrize("language", ["go", "node"])
def test_the_stubs_of_the_other_languages_take_a_grpc_load_as_well(language):
    services = {"front": {"language": language, "protocol": "grpc", "calls": ["back"]}, "back": {"language": "go"}}
    with testbed.start(testbed.Topology(name="one", mesh="none", entry="front", services=services)) as mesh:
        run = mesh.experiment(load=load(), **SHORT)
        run.check(all=[statuses("OK"), call_statuses("front -> back", status=200)])
        with mesh.channel() as channel:
            assert channel.unary_unary("/testbed.v1.Stub/Call")(b'{"path": "/"}', timeout=10)
            with pytest.raises(grpc.RpcError):
                channel.unary_unary("/testbed.v1.Stub/Nothing")(b"", timeout=10)


@pytest.mark.parametrize("language", ["go", "node"])
def test_an_entry_that_speaks_http2(language):
    services = {"front": {"language": language, "protocol": "http2", "replicas": 2}}
    with testbed.start(testbed.Topology(name="two", entry="front", services=services)) as mesh:
        fault = abort(503).on(OWN).for_users(percent=50)
        run = mesh.experiment(fault, load=load(users=4), **SHORT)
        run.check(affected=[statuses(503)], unaffected=[statuses(200)])
        index = run.history.index
        assert {r.grpc_status for r in index.requests} == {None}
        assert sorted(a.request for a in index.arrivals.on(OWN)) == sorted(r.id for r in index.requests)
        with pytest.raises(TestbedError, match="front speaks http2"):
            mesh.client()
