"""Each kind of fault once, on a mesh in containers, measured at the caller, and gone when it is healed."""

import time

import pytest

from testbed import (
    abort,
    attempts,
    constant_rate,
    cpu_limit,
    get,
    graceful_restart,
    kill,
    latency,
    memory_limit,
    node_failure,
    outage,
    packet_loss,
    partition,
    pause,
    restart,
    statuses,
    unreachable,
)
from testbed.errors import FaultError
from tests.kit.processes import eventually

pytestmark = pytest.mark.e2e
EDGE = "front -> back"
SHORT = {"warmup_s": 0.2, "baseline_s": 0.3, "hold_s": 0.7, "recover_s": 0.2}
QUICK = {EDGE: {"timeout": "600ms"}}  # where nothing comes that it could be too short for
packets = pytest.mark.needs("root", "util-linux", "packets")


def timed(client, n=10, path="/"):
    """The status and the milliseconds of n requests, one after the other."""
    seen = []
    for _ in range(n):
        begun = time.perf_counter()
        status = client.get(path).status_code
        seen.append((status, (time.perf_counter() - begun) * 1000))
    return seen


def statuses_of(client, n=10):
    return [status for status, _ in timed(client, n)]


@pytest.fixture
def client(small):
    with small.client() as client:
        assert statuses_of(client, 5) == [200] * 5
        yield client
        assert statuses_of(client)[2:] == [200] * 8  # healed


@pytest.fixture
def heavy_client(heavy):
    with heavy.client() as client:
        assert statuses_of(client, 5) == [200] * 5
        yield client
        assert statuses_of(client)[2:] == [200] * 8


def test_an_experiment_is_judged_as_on_processes(small):
    run = small.experiment(latency(ms=100).on(EDGE, replica="back-1"), load=constant_rate(get("/"), rps=20), **SHORT)
    run.check(all=[statuses(200), attempts(EDGE, at_most=1)])
    index = run.history.index
    held = {one.id for one in index.by_phase["hold"]}
    took = {name: [] for name in ("back-1", "back-2")}
    for one in index.attempts.on(EDGE):
        if one.request in held:
            took[one.callee].append(one.duration_ms)
    assert min(took["back-2"]) < 99 <= min(took["back-1"])


def test_latency(small, client):
    assert min(ms for _, ms in timed(client)) < 200
    with small.inject(latency(ms=200).on(EDGE)):
        assert min(ms for _, ms in timed(client, 4)) >= 200


def test_abort(small, client):
    with small.inject(abort(404).on(EDGE)):
        assert statuses_of(client) == [404] * 10


def test_kill(small, client):
    with small.inject(kill().on(replica="back-1")):
        assert sorted(statuses_of(client)) == [200] * 5 + [502] * 5
    assert small.parts.runtime.deaths() == []


@pytest.mark.parametrize("fault", [pause(), node_failure()])
def test_a_process_that_stands_still(small, client, fault):
    with small.override_policies(QUICK), small.inject(fault.on(service="back")):
        seen = timed(client, 2)
    assert [status for status, _ in seen] == [502] * 2
    assert min(ms for _, ms in seen) >= 585  # the policy's time-out


def test_restart(small, client):
    before = small.parts.runtime.backend.containers.facts("back-1/app").pid
    with small.inject(restart().on(replica="back-1")):
        assert statuses_of(client)[4:] == [200] * 6
    assert small.parts.runtime.backend.containers.facts("back-1/app").pid != before


def test_a_graceful_end_loses_nothing(small):
    fault = graceful_restart(within_s=30).on(replica="back-1")
    run = small.experiment(fault, load=constant_rate(get("/"), rps=20), **SHORT)
    run.check(all=[statuses(200, 502)])


def test_a_proxy_is_killed_and_comes_back(small, client):
    with small.inject(kill().on(proxy="front-1")):
        assert 200 not in statuses_of(client, 5)


@packets
def test_unreachable_is_a_connect_time_out(small, client):
    with small.override_policies(QUICK), small.inject(unreachable().on(EDGE)):
        seen = timed(client, 2)
    assert [status for status, _ in seen] == [502] * 2
    assert min(ms for _, ms in seen) >= 585


@packets
def test_a_partition_is_silence_and_packet_loss_a_step_in_latency(small, client):
    with small.override_policies(QUICK), small.inject(partition("front", "back")):
        seen = timed(client, 2)
    assert [status for status, _ in seen] == [502, 502]
    assert min(ms for _, ms in seen) >= 585
    eventually(lambda: client.get("/").status_code == 200, within_s=60)
    with small.inject(packet_loss(percent=20).on(EDGE)) as loss:
        lossy = [ms for _, ms in timed(client, 40)]
        loss.heal()
    assert max(lossy) >= 150  # Linux waits 200 ms before it sends again for the first time


@packets
@pytest.mark.parametrize("direction", ["requests", "answers"])
def test_packets_of_the_load_are_lost_behind_the_published_port(small, client, direction):
    with small.inject(packet_loss(percent=20, direction=direction).on("client -> front")):
        assert set(statuses_of(client, 40)) == {200}
        (fault,) = small.parts.packets.left()
        seen = small.parts.packets.counted(fault)
    assert 1 <= seen.dropped < seen.packets


def test_an_outage_of_one_replica_is_refused(small, client):
    with small.inject(outage("back", replicas=1, kind="refused")):
        assert sorted(statuses_of(client)) == [200] * 5 + [502] * 5


def test_a_share_of_the_processor(heavy, heavy_client):
    with heavy.inject(cpu_limit(share=0.1).on(service="back")):
        begun, used = time.perf_counter(), heavy.parts.runtime.cpu_seconds("back-1/app")
        assert {status for status, _ in timed(heavy_client, 10, "/hard")} == {200}
        took, spent = time.perf_counter() - begun, heavy.parts.runtime.cpu_seconds("back-1/app") - used
    assert spent > 0.03
    assert took >= 0.85 * (spent - 0.02) / 0.1


def test_who_needs_more_memory_is_dead_until_it_is_healed(heavy, heavy_client):
    with heavy.inject(memory_limit(mb=24).on(service="back")):
        assert statuses_of(heavy_client, 10) == [200] * 10
        assert heavy_client.get("/big").status_code == 502
        assert statuses_of(heavy_client, 10) == [502] * 10
        eventually(heavy.parts.runtime.deaths, within_s=60)
    (death,) = heavy.parts.runtime.deaths()
    assert (death.name, death.how) == ("back-1/app", "killed by SIGKILL (out of memory)")


def test_what_the_daemon_cannot_do_is_refused_before_anything_is_sent(heavy, monkeypatch):
    monkeypatch.setitem(heavy.parts.lease.engine.info, "MemoryLimit", False)
    with pytest.raises(FaultError, match=r"memory_limit\(mb=24\).*cannot limit the memory of a container here"):
        heavy.experiment(memory_limit(mb=24).on(service="back"), load=constant_rate(get("/"), rps=20))
