"""gRPC and HTTP/2 through one Envoy a node, as test_placement.py has it for HTTP/1.1; beside sidecars, to compare."""

from collections import Counter

import pytest

import testbed
from testbed import (
    Inconclusive,
    abort,
    attempts,
    call_duration,
    call_statuses,
    constant_rate,
    delay,
    get,
    kill,
    latency,
    pause,
    start,
    statuses,
)
from testbed.history.exposure import touched
from tests.kit.grpc_planes import assert_retries_hide_what_fails_once
from tests.kit.neighbours import ask, at_once, hit_by, neighbours, shared

pytestmark = pytest.mark.e2e

RPC, H2 = "front -> back", "front -> legacy"
FAILED = {"status": 502, "keep": [404, 429, 503, 504]}
SERVICES = {
    "front": {
        "language": "go",
        "replicas": 4,
        "calls": [{"to": "back", "onFailure": FAILED}, {"to": "legacy", "onFailure": FAILED}],
        "routes": {
            "/hurried": {"calls": [{"to": "back", "timeout": "3s", "onFailure": FAILED}]},
            "/impatient": {"calls": [{"to": "back", "timeout": "1s", "onFailure": FAILED}]},
        },
    },
    "back": {"language": "go", "protocol": "grpc", "replicas": 2},
    "legacy": {"language": "node", "protocol": "http2"},
}
RETRYING = {"retries": {"attempts": 2, "retryOn": ["unavailable"], "backoff": "5ms"}}
STRICT = {
    "circuitBreaker": {"maxRequests": 2},
    "outlierDetection": {"consecutive5xxErrors": 4, "baseEjectionTime": "60s", "maxEjectionPercent": 50},
}
LOAD = constant_rate(get("/"), rps=20, timeout_s=30)
HURRIED = constant_rate(get("/hurried"), rps=40, timeout_s=30)  # 12 in the baseline: each replica has its turn
SHORT = {"warmup_s": 0.1, "baseline_s": 0.3, "hold_s": 0.5, "recover_s": 0.3}


def placed(placement, *policies):
    written = [{"edge": edge, **policy} for edge, policy in policies]
    return testbed.Topology(name="placed", entry="front", placement=placement, services=SERVICES, policies=written)


@pytest.fixture(scope="module", params=["node", "sidecar"])
def mesh(request):
    with start(placed(request.param, (RPC, RETRYING))) as made:
        yield made


@pytest.fixture
def bed(mesh):
    mesh.clean()
    return mesh


def in_phase(run, name):
    return {(r.replica, r.status) for r in run.history.index.requests if r.phase == name}


def test_every_call_and_attempt_is_told_exactly_with_its_caller_and_status(bed):
    run = bed.experiment(latency(ms=30).on(RPC), load=LOAD, **SHORT)
    run.check(all=[statuses(200), call_statuses(RPC, grpc_status="OK"), call_statuses(H2, status=200)])
    index = run.history.index
    assert [event for event in index.evidence if not event.complete] == []
    callers = {request.id: request.replica for request in index.requests}
    for edge, status in ((RPC, 0), (H2, None)):
        for joined in (index.calls, index.attempts, index.arrivals):
            assert Counter(event.request for event in joined.on(edge)) == dict.fromkeys(callers, 1)
            assert {event.grpc_status for event in joined.on(edge)} == {status}
        for joined in (index.calls, index.attempts):
            assert {event.request: event.caller for event in joined.on(edge)} == callers
        own = {call.request: call.call for call in index.calls.on(edge)}
        assert {attempt.request: attempt.call for attempt in index.attempts.on(edge)} == own
    held = {request.id for request in index.by_phase["hold"]}
    assert held <= {a.request for a in index.attempts.on(RPC) if a.duration_ms >= 29}
    (fault,) = index.faults
    assert held <= touched(index, fault)


def test_retries_go_by_the_grpc_status_whoever_calls(bed):
    assert_retries_hide_what_fails_once(bed, RPC, load=LOAD, **SHORT)


def test_request_faults_meet_their_users_and_no_others(bed):
    fault = abort(grpc_status="NOT_FOUND").on(RPC).for_users(percent=40)
    run = bed.experiment(fault, load=constant_rate(get("/"), rps=20, users=5, timeout_s=30), **SHORT)
    run.check(affected=[statuses(404), attempts(RPC, exactly=1)], unaffected=[statuses(200)])


def test_http2_faults_are_http_faults(bed):
    run = bed.experiment(abort(429).on(H2), load=LOAD, **SHORT)
    run.check(all=[statuses(429), call_statuses(H2, status=429), call_statuses(RPC, grpc_status="OK")])


def test_a_delay_ends_with_the_deadline_of_the_caller(bed):
    run = bed.experiment(
        delay(ms=600_000).on(RPC), load=constant_rate(get("/impatient"), rps=20, timeout_s=60), **SHORT
    )
    run.check(all=[statuses(504), call_duration(RPC, under_ms=60_000)])
    index = run.history.index
    held = {request.id for request in index.by_phase["hold"]}
    assert {a.flags for a in index.arrivals.on(RPC) if a.request in held} == {"DI,DR"}


def test_a_replica_alone_is_hit(bed):
    with bed.inject(abort(grpc_status="NOT_FOUND").on(RPC, replica="back-2")):
        for name in bed.topology.replica_names("front"):
            assert sorted(ask(bed, name) for _ in range(4)) == [200, 200, 404, 404]


@pytest.mark.parametrize("fault", [kill, pause])
def test_a_proxys_failure_hits_all_behind_it_and_nobody_else(bed, fault):
    proxy, hit = hit_by(bed)
    run = bed.experiment(fault().on(proxy=proxy), load=HURRIED, **SHORT)
    names = bed.topology.replica_names("front")
    assert in_phase(run, "baseline") == {(name, 200) for name in names}
    ended = {(name, status == 200) for name, status in in_phase(run, "hold")}
    assert ended == {(name, name not in hit) for name in names}
    assert {status for _, status in in_phase(run, "recover")} == {200}
    well = [attempts(RPC, exactly=1), call_statuses(RPC, grpc_status="OK")]
    run.check(all=[one.during(phase) for phase in ("baseline", "recover") for one in well])
    with pytest.raises(Inconclusive, match=rf"{proxy}/proxy\s+(was\s+killed|was\s+paused)"):
        run.check(all=[call_statuses(RPC, grpc_status="OK")])


@pytest.fixture(params=["node", "sidecar"])
def strict(request):
    with start(placed(request.param, (RPC, STRICT))) as made:
        yield made


def test_a_limit_and_an_ejection_are_of_the_node_or_of_each_replica(strict):
    served = 2 if shared(strict) else 4
    seen = at_once(strict, *neighbours(strict) * 3, refused=6 - served)
    assert Counter(status for _, status in seen.elements()) == {200: served, 503: 6 - served}
    with strict.inject(abort(grpc_status="UNAVAILABLE").on(replica="back-1")):
        statuses = [ask(strict, name) for _ in range(12) for name in neighbours(strict)]
    proxies = 1 if shared(strict) else 2
    late = Counter(statuses)[503] - 4 * proxies  # an ejection takes effect right after the answer that caused it
    assert 0 <= late <= proxies
    assert statuses[-6:] == [200] * 6
