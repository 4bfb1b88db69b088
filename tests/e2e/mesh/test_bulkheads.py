"""Bulkheads and load shedding, with a real Envoy between real services: at work, and broken in the usual way."""

import re

import pytest

from testbed import Topology, bulkhead, constant_rate, delay, get, latency, load_shedding, start, statuses
from tests.kit.judging import rejected, verdict

pytestmark = pytest.mark.e2e
EDGE = "front -> slow"


def shared(policies):
    """A front with four workers, which calls one dependency after the other, and shows a default for the first."""
    calls = [{"to": "slow", "onFailure": {"fallback": "default"}}, "other"]
    front = {"language": "go", "calls": calls, "concurrency": {"limit": 4, "queue": 40}}
    services = {"front": front, "slow": {"language": "go"}, "other": {"language": "go"}}
    return Topology.model_validate({"name": "shared", "entry": "front", "services": services, "policies": policies})


def slowed(policies, patience_s):
    load = constant_rate(get("/"), rps=30, timeout_s=patience_s)
    with start(shared(policies)) as mesh:
        fault = delay(ms=600).on(EDGE)
        return mesh.experiment(fault, load=load, warmup_s=0.1, baseline_s=0.7, hold_s=2, recover_s=0.1)


def test_a_limit_on_the_slow_dependency_keeps_the_other():
    run = slowed([{"edge": EDGE, "timeout": "20s", "circuitBreaker": {"maxRequests": 2}}], patience_s=30)
    run.check(all=[bulkhead(EDGE, keeps_percent=50), statuses(200)])


def test_without_one_the_slow_dependency_takes_all_workers():
    run = slowed([], patience_s=1)  # all the others would wait for seconds
    found = rejected(run, bulkhead(EDGE, keeps_percent=50))
    kept, rate = map(int, re.findall(r"front -> other: (\d+) of (\d+)", found.observed)[0])
    assert kept < 0.5 * rate


def busy(work, queue):
    """A service with two workers, and room for so many to wait."""
    worker = {"language": "go", "work": work, "concurrency": {"limit": 2, "queue": queue, "shed": 429}}
    front = {"language": "go", "calls": [{"to": "worker", "onFailure": {"status": 502, "keep": [429]}}]}
    services = {"front": front, "worker": worker}
    return start(Topology.model_validate({"name": "busy", "entry": "front", "services": services}))


def test_a_short_queue_sheds_what_is_too_much():
    """It can answer 80 requests a second and gets 100, until enough are answered to prove a p99."""
    with busy(work="25ms", queue=2) as mesh, mesh.load(constant_rate(get("/"), rps=100, timeout_s=30)) as traffic:
        for second in range(40):
            traffic.run(for_s=1, phase=f"second {second}")
            if sum(request.status == 200 for request in traffic.requests()) > 330:
                break
    limits = {"rejects_within_ms": 20_000, "accepted_p99_ms": 20_000}
    traffic.result().check(all=[load_shedding("front -> worker", **limits), load_shedding("client -> front", **limits)])


def test_a_long_queue_makes_everybody_wait():
    """It can answer four requests a second and gets 60, whose users leave after a second."""
    with busy(work="500ms", queue=10_000) as mesh:
        load = constant_rate(get("/"), rps=60, timeout_s=1)
        run = mesh.experiment(load=load, warmup_s=0, baseline_s=0, hold_s=1, recover_s=0)
    for edge in ("front -> worker", "client -> front"):
        found = rejected(run, load_shedding(edge, accepted_p99_ms=20_000))
        assert re.match(r"0 of [1-9]\d* calls rejected; p99 of the accepted ", found.observed)


def test_without_overload_nothing_shows_that_it_sheds():
    services = {"front": {"language": "go", "calls": ["back"]}, "back": {"language": "go"}}
    topology = Topology.model_validate({"name": "idle", "entry": "front", "services": services})
    with start(topology) as mesh:
        run = mesh.experiment(
            latency(ms=1).on("front -> back"),
            load=constant_rate(get("/"), rps=40),
            warmup_s=0.1,
            baseline_s=0.1,
            hold_s=0.5,
            recover_s=0,
        )
    found = verdict(run, load_shedding("front -> back", accepted_p99_ms=9_000))
    assert found.outcome == "inconclusive"
    assert re.search(r"0 of \d+ calls were rejected", found.why)
