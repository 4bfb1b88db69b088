"""The same scenarios with a proxy beside each replica and with one a node: what a node's replicas share is measured."""

import os
import re
import signal
import threading
from collections import Counter
from pathlib import Path

import httpx
import pytest

from testbed import (
    Inconclusive,
    TestbedError,
    abort,
    attempts,
    get,
    gives_up,
    kill,
    latency,
    only_statuses,
    pause,
    restart,
    start,
    steady,
    topology,
)
from testbed.errors import FaultError

pytestmark = pytest.mark.e2e
EDGE = "mid -> back"
NEIGHBOURS = ("mid-1", "mid-3")  # on node-1
BOTH = {placement: {"placement": placement} for placement in ("sidecar", "node")}
LIMITED = {"circuitBreaker": {"maxRequests": 2}}
EJECTING = {"outlierDetection": {"consecutive5xxErrors": 4, "baseEjectionTime": "60s", "maxEjectionPercent": 50}}
LOAD = steady(get("/"), rps=40)
ALONE = httpx.Limits(max_keepalive_connections=0)
HTTP = httpx.Client(trust_env=False, verify=False, timeout=30, limits=ALONE)
SHORT = {"warmup_s": 0.3, "baseline_s": 0.5, "hold_s": 1.5, "recover_s": 1}

plain = topology("nodes.yaml", parameters=BOTH, scope="module")
limited = topology("nodes.yaml", policies={EDGE: LIMITED}, parameters=BOTH, scope="module")
ejecting = topology("nodes.yaml", policies={EDGE: EJECTING}, parameters=BOTH, scope="module")


def shared(bed):
    return bed.topology.placement == "node"


def ask(bed, replica, path="/"):
    """One request to one of the callers; its status."""
    return HTTP.get(f"{bed.plan.entries()[replica]}{path}").status_code


def at_once(bed, *replicas):
    """One request to each of these callers, all at the same time; how often each of them got which status."""
    found, together = [], threading.Barrier(len(replicas))

    def one(name):
        together.wait()
        found.append((name, ask(bed, name, "/slow")))

    threads = [threading.Thread(target=one, args=(name,)) for name in replicas]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Counter(found)


def in_phase(run, name):
    """How often which caller's users got which status in a phase."""
    return Counter((r.replica, r.status) for r in run.history.index.requests if r.phase == name)


# -- shared pools


def test_a_limit_is_of_the_node_or_of_each_replica(limited):
    seen = at_once(limited, *["mid-1"] * 3, *["mid-3"] * 3, *["mid-2"] * 3)
    served = Counter({name: n for (name, status), n in seen.items() if status == 200})
    assert seen.total() == 9
    assert {status for _, status in seen} == {200, 503}
    assert served["mid-1"] + served["mid-3"] == (2 if shared(limited) else 4)
    assert served["mid-2"] == 2  # alone on node-2, and it is not in the others' way


def test_errors_seen_by_one_replica_eject_for_its_neighbours(ejecting):
    with ejecting.inject(abort(503).on(replica="back-1")):
        statuses = [ask(ejecting, name) for _ in range(12) for name in NEIGHBOURS]
        assert Counter(statuses)[503] == (4 if shared(ejecting) else 8)
        assert statuses[-6:] == [200] * 6
        others = [ask(ejecting, name) for _ in range(12) for name in ("mid-2", "mid-4")]
        assert Counter(others)[503] == (4 if shared(ejecting) else 8)  # the other node has to find out by itself


# -- shared fate


def hit_by(bed):
    """A proxy to hit, and the callers behind it."""
    return ("node-1", set(NEIGHBOURS)) if shared(bed) else ("mid-1", {"mid-1"})


@pytest.mark.parametrize("fault", [kill, pause])
def test_a_proxys_failure_hits_all_behind_it_and_nobody_else(plain, fault):
    proxy, hit = hit_by(plain)
    run = plain.experiment(fault().on(proxy=proxy), load=LOAD, **SHORT)
    assert set(in_phase(run, "baseline")) == {(name, 200) for name in plain.topology.replica_names("mid")}
    assert set(in_phase(run, "hold")) == {
        (name, 502 if name in hit else 200) for name in plain.topology.replica_names("mid")
    }
    assert {status for _, status in in_phase(run, "recover")} == {200}
    index = run.history.index
    (event,) = index.faults
    assert set(event.behind) == hit
    met = {r.replica for r in index.requests if r.id in index.touched(event)}
    assert met == hit
    held = {r.id for r in index.requests if r.phase == "hold" and r.replica in hit}
    assert held <= index.touched(event)
    run.check(untouched=[only_statuses(200)])


@pytest.mark.parametrize("fault", [kill, pause])
def test_the_evidence_says_what_a_proxy_did_not_see(plain, fault):
    """A dead or frozen proxy does not know of its callers' waiting; what it sent before and after is known exactly."""
    proxy, _ = hit_by(plain)
    run = plain.experiment(fault().on(proxy=proxy), load=LOAD, **SHORT)
    for phase in ("baseline", "recover"):
        run.check(all=[attempts(EDGE, exactly=1).during(phase), gives_up(EDGE, within_ms=1100).during(phase)])
    run.check(all=[attempts(EDGE, at_most=1, per="request")])
    why = f"{proxy}/proxy was killed" if fault is kill else f"{proxy}/proxy stood still"
    with pytest.raises(Inconclusive, match=why.replace(" ", r"\s+")):  # the table breaks lines
        run.check(all=[gives_up(EDGE, within_ms=1100)])


def test_a_killed_proxy_begins_anew_with_nothing_remembered(ejecting):
    proxy, _ = hit_by(ejecting)
    with ejecting.inject(abort(503).on(replica="back-1")):
        statuses = [ask(ejecting, "mid-1") for _ in range(12)]
        assert Counter(statuses)[503] == 4
    with ejecting.inject(abort(404).on(replica="back-1")):
        assert [ask(ejecting, "mid-1") for _ in range(6)] == [200] * 6  # still ejected
        with ejecting.inject(restart().on(proxy=proxy)):
            assert sorted(ask(ejecting, "mid-1") for _ in range(6)) == [200] * 3 + [502] * 3


def restarted(plain, proxy):
    """A run that is judged; a restart is so short that it may meet no request, and then it is done again."""
    for _ in range(8):
        run = plain.experiment(restart().on(proxy=proxy), load=LOAD, **SHORT)
        try:
            run.check(all=[attempts(EDGE, exactly=1).during(phase) for phase in ("baseline", "hold", "recover")])
        except Inconclusive as found:
            if not re.search(r"touched\s+none", str(found)):
                raise
        else:
            return run
    return pytest.fail("eight restarts met no request")


def test_both_lives_of_a_proxy_are_evidence(plain):
    """Connections are counted anew in a second life; its calls must not be taken for those of the first."""
    proxy, hit = hit_by(plain)
    run = restarted(plain, proxy)
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
        os.kill(bed._runtime.pid("node-2/proxy"), signal.SIGKILL)
        traffic.run(for_s=0.3, phase="after")


def test_a_death_that_nobody_asked_for_is_still_our_trouble():
    with start(Path(__file__).with_name("nodes.yaml")) as bed, pytest.raises(TestbedError, match="255.2"):
        lose_a_proxy(bed)


# -- evidence


def test_every_call_and_attempt_is_told_exactly_and_with_its_caller(plain):
    run = plain.experiment(latency(ms=30).on(EDGE), load=steady(get("/"), rps=120), **SHORT)
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
    assert index.touched(fault) >= {r.id for r in index.requests if r.phase == "hold"}
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
    before = {name: plain._runtime.pid(name) for name in names}
    with plain.load(LOAD) as traffic, plain.inject(abort(503).on(EDGE)):
        traffic.run(for_s=0.5, phase="bare")
        with plain.policies(retry):
            renewed = {name for name in names if plain._runtime.pid(name) != before[name]}
            traffic.run(for_s=0.5, phase="retrying")
        traffic.run(for_s=0.5, phase="restored")
    wanted = {"bare": 1, "retrying": 3, "restored": 1}
    traffic.result().check(all=[attempts(EDGE, exactly=tries).during(phase) for phase, tries in wanted.items()])
    assert renewed == {f"{seat.name}/proxy" for seat in plain.plan.proxies}
