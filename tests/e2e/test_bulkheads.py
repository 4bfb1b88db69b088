"""Bulkheads and load shedding, with a real Envoy between real services: at work, and broken in the usual way."""

import re

import pytest
from judging import rejected, verdict

from testbed import Topology, bulkhead, delay, get, latency, only_statuses, sheds, start, steady

pytestmark = pytest.mark.e2e
EDGE = "front -> slow"


def shared(policies):
    """A front with four workers, which calls one dependency after the other, and shows a default for the first."""
    calls = [{"to": "slow", "onFailure": {"fallback": "default"}}, "other"]
    front = {"language": "go", "calls": calls, "concurrency": {"limit": 4, "queue": 20}}
    services = {"front": front, "slow": {"language": "go"}, "other": {"language": "go"}}
    return Topology.model_validate({"name": "shared", "entry": "front", "services": services, "policies": policies})


def slowed(policies):
    load = steady(get("/"), rps=30)
    with start(shared(policies)) as mesh:
        fault = delay(ms=400).on(EDGE)
        return mesh.experiment(fault, load=load, warmup_s=0.3, baseline_s=1.5, hold_s=4, recover_s=0.2)


def test_a_limit_on_the_slow_dependency_keeps_the_other():
    run = slowed([{"edge": EDGE, "timeout": "1s", "circuitBreaker": {"maxRequests": 2}}])
    run.check(all=[bulkhead(EDGE, keeps_percent=90), only_statuses(200)])


def test_without_one_the_slow_dependency_takes_all_workers():
    run = slowed([])
    found = rejected(run, bulkhead(EDGE))
    kept, rate = map(int, re.findall(r"front -> other: (\d+) of (\d+)", found.observed)[0])
    assert kept < 0.7 * rate


def overloaded(queue, hold_s):
    """A service that can answer 80 requests a second and gets 120."""
    worker = {"language": "go", "work": "25ms", "concurrency": {"limit": 2, "queue": queue, "shed": 429}}
    front = {"language": "go", "calls": [{"to": "worker", "onFailure": {"status": 502, "keep": [429]}}]}
    services = {"front": front, "worker": worker}
    topology = Topology.model_validate({"name": "busy", "entry": "front", "services": services})
    with start(topology) as mesh:
        load = steady(get("/"), rps=120)
        return mesh.experiment(load=load, warmup_s=0, baseline_s=0, hold_s=hold_s, recover_s=0)


SHEDS = [
    sheds("front -> worker", rejects_within_ms=500, accepted_p99_ms=1500),
    sheds("client -> front", accepted_p99_ms=1500),
]


def test_a_short_queue_sheds_what_is_too_much():
    overloaded(queue=2, hold_s=9).check(all=SHEDS)


def test_a_long_queue_makes_everybody_wait():
    run = overloaded(queue=10_000, hold_s=5)
    for edge in ("front -> worker", "client -> front"):
        found = rejected(run, sheds(edge, accepted_p99_ms=1500))
        assert re.match(r"0 of 60\d calls turned away; p99 of the others ", found.observed)


def test_without_overload_nothing_shows_that_it_sheds():
    topology = Topology.model_validate(
        {
            "name": "idle",
            "entry": "front",
            "services": {"front": {"language": "go", "calls": ["back"]}, "back": {"language": "go"}},
        }
    )
    with start(topology) as mesh:
        load = steady(get("/"), rps=100)
        fault = latency(ms=1).on("front -> back")
        run = mesh.experiment(fault, load=load, warmup_s=0.2, baseline_s=0.2, hold_s=4, recover_s=0.2)
    assert verdict(run, sheds("front -> back", accepted_p99_ms=900)).outcome == "inconclusive"
