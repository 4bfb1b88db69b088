"""The same scenarios with a proxy beside each replica and with one a node: what a node's replicas share is measured."""

import os
import re
import signal
from collections import Counter

import pytest

from testbed import (
    Inconclusive,
    TestbedError,
    abort,
    attempts,
    call_duration,
    constant_rate,
    get,
    kill,
    latency,
    pause,
    restart,
    start,
    statuses,
    topology,
)
from testbed.errors import FaultError
from testbed.history.exposure import touched
from tests.kit import MESHES
from tests.kit.neighbours import ask, at_once, hit_by, neighbours, shared

pytestmark = pytest.mark.e2e
EDGE = "mid -> back"
BOTH = {placement: {"placement": placement} for placement in ("sidecar", "node")}
STRICT = {
    "circuitBreaker": {"maxRequests": 2},
    "outlierDetection": {"consecutive5xxErrors": 4, "baseEjectionTime": "60s", "maxEjectionPercent": 50},
}
LIVES = ("baseline", "hold", "recover")
LOAD = constant_rate(get("/"), rps=40, timeout_s=30)
HURRIED = constant_rate(get("/hurried"), rps=20, timeout_s=30)
# ten requests a phase: each of a proxy's two threads takes the four replicas in turn, so seven would be too few
SHORT = {"warmup_s": 0.1, "baseline_s": 0.5, "hold_s": 0.5, "recover_s": 0.3}

plain = topology("nodes.yaml", parameters=BOTH, scope="module")
strict = topology("nodes.yaml", policies={EDGE: STRICT}, parameters=BOTH, scope="module")


def in_phase(run, name):
    """How often which caller's users got which status in a phase."""
    return Counter((r.replica, r.status) for r in run.history.index.requests if r.phase == name)


def failures(statuses):
    """How often it failed: four times for each ejection; on a busy machine some more pass before it takes effect."""
    return Counter(statuses)[503]


# -- shared pools


def test_a_limit_is_of_the_node_or_of_each_replica(strict):
    seen = at_once(strict, *["mid-1", "mid-3", "mid-2"] * 3, refused=5 if shared(strict) else 3)
    served = Counter({name: n for (name, status), n in seen.items() if status == 200})
    assert seen.total() == 9
    assert {status for _, status in seen} == {200, 503}
    assert served["mid-1"] + served["mid-3"] == (2 if shared(strict) else 4)
    assert served["mid-2"] == 2  # alone on node-2, and it is not in the others' way


def test_errors_seen_by_one_replica_eject_for_its_neighbours(strict):
    with strict.inject(abort(503).on(replica="back-1")):
        statuses = [ask(strict, name) for _ in range(12) for name in neighbours(strict)]
        assert failures(statuses) in (range(4, 8) if shared(strict) else range(8, 16))
        assert statuses[-6:] == [200] * 6
        others = [ask(strict, name) for _ in range(12) for name in ("mid-2", "mid-4")]
        # the other node has to find out by itself
        assert failures(others) in (range(4, 8) if shared(strict) else range(8, 16))


# -- shared fate


@pytest.fixture(scope="module", params=[kill, pause])
def struck(request, plain):
    """The fault that hits a proxy, and the run in which it does."""
    proxy, _ = hit_by(plain)
    return request.param, plain.experiment(request.param().on(proxy=proxy), load=HURRIED, **SHORT)


def test_a_proxys_failure_hits_all_behind_it_and_nobody_else(plain, struck):
    _, run = struck
    _, hit = hit_by(plain)
    assert set(in_phase(run, "baseline")) == {(name, 200) for name in plain.topology.replica_names("mid")}
    assert set(in_phase(run, "hold")) == {
        (name, 502 if name in hit else 200) for name in plain.topology.replica_names("mid")
    }
    assert {status for _, status in in_phase(run, "recover")} == {200}
    index = run.history.index
    (event,) = index.faults
    assert set(event.behind) == hit
    met = {r.replica for r in index.requests if r.id in touched(index, event)}
    assert met == hit
    held = {r.id for r in index.requests if r.phase == "hold" and r.replica in hit}
    assert held <= touched(index, event)
    run.check(untouched=[statuses(200)])


def test_the_evidence_says_what_a_proxy_did_not_see(plain, struck):
    """A dead or frozen proxy does not know of its callers' waiting; what it sent before and after is known exactly."""
    fault, run = struck
    proxy, _ = hit_by(plain)
    known = [attempts(EDGE, exactly=1), call_duration(EDGE, under_ms=30_000)]
    run.check(all=[check.during(phase) for phase in ("baseline", "recover") for check in known])
    run.check(all=[attempts(EDGE, at_most=1, per="request")])
    why = f"{proxy}/proxy was killed" if fault is kill else f"{proxy}/proxy was paused"
    with pytest.raises(Inconclusive, match=why.replace(" ", r"\s+")):  # the table breaks lines
        run.check(all=[call_duration(EDGE, under_ms=30_000)])


def test_a_killed_proxy_begins_anew_with_nothing_remembered(strict):
    proxy, _ = hit_by(strict)
    with strict.inject(abort(503).on(replica="back-1")):
        statuses = [ask(strict, "mid-1") for _ in range(12)]
        assert failures(statuses) in range(4, 8)
        assert statuses[-4:] == [200] * 4
    with strict.inject(abort(404).on(replica="back-1")):
        assert [ask(strict, "mid-1") for _ in range(6)] == [200] * 6  # still ejected
        with strict.inject(restart().on(proxy=proxy)):
            assert sorted(ask(strict, "mid-1") for _ in range(6)) == [200] * 3 + [502] * 3


def test_both_lives_of_a_proxy_are_evidence(plain):
    """Connections are counted anew in a second life; its calls must not be taken for those of the first."""
    proxy, hit = hit_by(plain)
    run = plain.experiment(restart().on(proxy=proxy), load=LOAD, **SHORT)
    for verdict in run.judge(all=[attempts(EDGE, exactly=1).during(phase) for phase in LIVES]).verdicts:
        # a restart is so short that it may meet no request
        assert verdict.outcome == "held" or re.search(r"touched\s+none", verdict.why), verdict
    index = run.history.index
    for phase in ("baseline", "recover"):
        requests = {r.id: r.replica for r in index.requests if r.phase == phase}
        calls = [call for call in index.calls.on(EDGE) if call.request in requests]
        assert Counter(call.request for call in calls) == dict.fromkeys(requests, 1)
        assert all(call.caller == requests[call.request] for call in calls)
    keys = [call.call for call in index.calls.all]
    assert len(keys) == len(set(keys))
    for caller in hit:
        ours = [key.partition(":")[2] for key in keys if key.startswith(f"{caller}:")]
        assert len({key.rpartition("/")[0] for key in ours}) == 2


def lose_a_proxy(bed):
    with bed.load(LOAD) as traffic:
        traffic.run(for_s=0.3)
        os.kill(bed.parts.runtime.pid("node-2/proxy"), signal.SIGKILL)
        traffic.run(for_s=0.3, phase="after")


def test_a_death_that_nobody_asked_for_is_still_our_trouble():
    with start(MESHES / "mesh/nodes.yaml") as bed, pytest.raises(TestbedError, match="255.2"):
        lose_a_proxy(bed)


# -- evidence


def test_every_call_and_attempt_is_told_exactly_and_with_its_caller(plain):
    run = plain.experiment(latency(ms=30).on(EDGE), load=constant_rate(get("/"), rps=120, timeout_s=30), **SHORT)
    index = run.history.index
    assert [event for event in index.evidence if not event.complete] == []
    callers = {request.id: request.replica for request in index.requests}
    for joined in (index.calls, index.attempts, index.arrivals):
        assert Counter(event.request for event in joined.on(EDGE)) == dict.fromkeys(callers, 1)
    for joined in (index.calls, index.attempts):
        assert {event.request: event.caller for event in joined.on(EDGE)} == callers
    own = {call.request: call.call for call in index.calls.on(EDGE)}
    assert {attempt.request: attempt.call for attempt in index.attempts.on(EDGE)} == own
    (fault,) = index.faults
    slow = {a.request for a in index.attempts.on(EDGE) if a.duration_ms >= 29}
    assert slow >= {r.id for r in index.requests if r.phase == "hold"}
    assert touched(index, fault) >= {r.id for r in index.requests if r.phase == "hold"}
    run.check(touched=[attempts(EDGE, exactly=1)])


def test_a_link_fault_hits_the_links_that_neighbours_share(plain):
    with plain.inject(abort(404).on(EDGE, replica="back-2")):
        for name in plain.topology.replica_names("mid"):
            assert sorted(ask(plain, name) for _ in range(4)) == [200, 200, 502, 502]


# -- bad input


def test_a_proxy_that_is_not_there_is_refused(plain):
    wrong, hint = (
        ("mid-1", "the calls of mid-1 go through node-1") if shared(plain) else ("node-1", "there is no proxy")
    )
    with pytest.raises(FaultError, match=hint):
        plain.inject(pause().on(proxy=wrong))


def test_policies_are_swapped_in_every_proxy_that_holds_the_edge(plain):
    retry = {EDGE: {"retries": {"attempts": 2, "retryOn": ["5xx"], "backoff": "5ms"}}}
    names = {process.name for process in plain.plan.processes}
    before = {name: plain.parts.runtime.pid(name) for name in names}
    with plain.load(LOAD) as traffic, plain.inject(abort(503).on(EDGE)):
        traffic.run(for_s=0.2, phase="bare")
        with plain.override_policies(retry):
            renewed = {name for name in names if plain.parts.runtime.pid(name) != before[name]}
            traffic.run(for_s=0.2, phase="retrying")
        traffic.run(for_s=0.2, phase="restored")
    wanted = {"bare": 1, "retrying": 3, "restored": 1}
    traffic.result().check(all=[attempts(EDGE, exactly=tries).during(phase) for phase, tries in wanted.items()])
    assert renewed == {f"{host.name}/proxy" for host in plain.plan.proxies}
