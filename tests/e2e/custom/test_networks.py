"""Services that insist on 0.0.0.0:8080, several at a time: each has a network of its own, and nothing else is new."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from testbed import (
    abort,
    attempts,
    connection_refused,
    constant_rate,
    cpu_limit,
    get,
    kill,
    latency,
    memory_limit,
    partition,
    pause,
    start,
    statuses,
)
from testbed.errors import TestbedError
from testbed.experiment.testbed import Testbed
from testbed.runtime import proc
from testbed.spec.topology import Topology
from tests.kit.needs import need
from tests.kit.nobody import PYTEST, need_networks, nobody
from tests.kit.processes import eventually
from tests.kit.programs.small_service import HEALTHY, answer_of, command, written

pytestmark = [pytest.mark.e2e, pytest.mark.needs("networks")]

FIXED: dict[str, Any] = {"binds": "all", "port": 8080}
LOAD = constant_rate(get("/"), rps=10, users=20, timeout_s=60)
SHORT: dict[str, Any] = {"warmup_s": 0.2, "baseline_s": 0.3, "hold_s": 0.7, "recover_s": 0}
WAYS: dict[str, dict[str, Any]] = {"sidecars": {}, "no mesh": {"mesh": "none"}, "nodes": {"placement": "node"}}


@pytest.fixture(scope="module")
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Testbed]:
    """The shop with sidecars, unless the test asks for all ways."""
    way = WAYS[getattr(request, "param", "sidecars")]
    with start(shop(tmp_path_factory.mktemp("shop"), **way)) as made:
        yield made


@pytest.fixture
def running(made: Testbed) -> Testbed:
    """That shop, as at its start."""
    made.clean()
    return made


ALL_WAYS = pytest.mark.parametrize("made", WAYS, indirect=True, scope="module")


def greedy(**more: Any) -> dict[str, Any]:
    """A service that listens on 0.0.0.0:8080 whatever it is told."""
    return command() | FIXED | {"env": {"BIND": "0.0.0.0", "PORT": "8080"} | more.pop("env", {})} | more


def shop(folder: Path, **more: Any) -> Topology:
    web = greedy(replicas=2, calls=["back"], env={"CALLS": "BACK_URL"})
    return written(folder, {"front": {"language": "go", "calls": ["web"]}, "web": web, "back": greedy()}, **more)


def alone(folder: Path, **more: Any) -> Topology:
    return written(folder, {"web": greedy(**more)})


def asked(running: Testbed) -> tuple[int, float]:
    """The status of one request at the entry, and the seconds that it took."""
    began = time.monotonic()
    return answer_of(running), time.monotonic() - began


def address(running: Testbed, name: str) -> str:
    return next(replica.app for replica in running.plan.replicas if replica.name == name)


# -- all of them on one port


@ALL_WAYS
def test_several_services_and_replicas_take_the_same_port_on_all_addresses(running: Testbed) -> None:
    with start(running.topology) as other:
        for each in (running, other):
            for name in ("web-1", "web-2", "back-1"):
                assert "0.0.0.0:8080" in proc.listening(each.parts.runtime.pid(f"{name}/app"))
                assert httpx.get(f"http://{address(each, name)}/env", trust_env=False, timeout=60).status_code == 200
        run = running.experiment(latency(ms=50).on("front -> web"), load=LOAD, **SHORT)
        assert answer_of(other) == 200
    run.check(all=[statuses(200), attempts("front -> web", at_most=1)])


@ALL_WAYS
def test_faults_are_seen_by_the_caller(running: Testbed) -> None:
    for fault, status, least_s in (
        (latency(ms=300).on("web -> back"), 200, 0.3),
        (latency(ms=300).on("front -> web"), 200, 0.3),
        (abort(503).on("web -> back"), 500, 0),
        (connection_refused().on("web -> back"), 500, 0),
        (connection_refused().on("front -> web"), 500, 0),
        (kill().on(service="back"), 500, 0),
        (kill().on(service="web"), 500, 0),
    ):
        assert asked(running)[0] == 200
        with running.inject(fault):
            seen, took = asked(running)
        assert seen // 100 * 100 == status, fault
        assert took >= least_s
    assert asked(running)[0] == 200


def test_its_process_can_be_paused_throttled_and_limited(running: Testbed) -> None:
    with running.override_policies({"web -> back": {"timeout": "1s"}}), running.inject(pause().on(service="back")):
        status, took = asked(running)
    assert status >= 500
    assert took >= 1
    with running.inject(cpu_limit(share=0.5).on(service="back")):
        assert answer_of(running) == 200
    if not running.parts.runtime.cannot("memory"):
        with running.inject(memory_limit(mb=64).on(service="back")):
            assert answer_of(running) == 200
    assert answer_of(running) == 200


def test_policies_are_swapped_under_it(running: Testbed) -> None:
    with running.load(LOAD) as traffic:
        traffic.run(for_s=0.3, phase="before")
        with running.override_policies({"web -> back": {"timeout": "60s"}}):
            traffic.run(for_s=0.5, phase="with a time-out")
        traffic.run(for_s=0.3, phase="after")
    traffic.result().check(all=[statuses(200)])


@ALL_WAYS
def test_packets_are_lost_on_its_edges(running: Testbed) -> None:
    fault = running.inject(partition("web", "back"))
    with fault, running.client() as client, pytest.raises(httpx.ReadTimeout):
        client.get("/", timeout=1)
    eventually(lambda: answer_of(running) == 200, within_s=60)


def test_one_that_dies_by_itself_is_found_dead(tmp_path: Path) -> None:
    with start(alone(tmp_path)) as running:
        ip, _, port = address(running, "web-1").rpartition(":")
        os.kill(running.parts.runtime.pid("web-1/app"), signal.SIGKILL)
        eventually(running.parts.runtime.deaths, within_s=60)
        assert [death.name for death in running.parts.runtime.deaths()] == ["web-1/app"]
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((ip, int(port)))


# -- when it is ready


INSIDE = "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/env')"  # which is somebody else's, outside


@pytest.mark.parametrize(
    "ready", [{"tcp": True}, {"http": "/env"}, {"log": r"listening on 0"}, {"command": [sys.executable, "-c", INSIDE]}]
)
def test_it_is_ready_when_it_listens_and_not_before(tmp_path: Path, ready: dict[str, Any]) -> None:
    began = time.monotonic()
    with start(alone(tmp_path, ready=ready, env={"LATE": "0.6"})) as running:
        assert time.monotonic() - began >= 0.6
        for again in range(2):
            if again:
                began = time.monotonic()
                running.parts.runtime.restart("web-1/app")
                assert time.monotonic() - began >= 0.6
            assert answer_of(running) == 200


def test_a_grpc_server_is_ready_when_it_says_so(tmp_path: Path) -> None:
    api = {"command": [sys.executable, "-u", "healthy.py"], "protocol": "grpc", "ready": {"grpc": True}, **FIXED}
    topology = written(tmp_path, {"web": greedy(calls=["api"]), "api": api})
    (tmp_path / "healthy.py").write_text(HEALTHY)
    began = time.monotonic()
    with start(topology):
        assert time.monotonic() - began >= 0.5


def test_it_waits_for_what_it_needs_and_calls_it(tmp_path: Path) -> None:
    services = {"web": greedy(needs=["back"], calls=["back"], env={"CALLS": "BACK_URL"}), "back": greedy()}
    with start(written(tmp_path, services)) as running:
        assert answer_of(running) == 200


def test_one_that_listens_elsewhere_is_told_so(tmp_path: Path) -> None:
    topology = alone(tmp_path, calls=[], env={"PORT": "5000"}, ready={"within": "5s"})
    with (
        pytest.raises(TestbedError, match=r"it listens on 0\.0\.0\.0:5000 instead of 0\.0\.0\.0:8080"),
        start(topology),
    ):
        pass


def test_one_that_is_not_ready_where_it_should_listen_is_told_nothing_else(tmp_path: Path) -> None:
    ready = {"command": [sys.executable, "-c", "exit('not yet')"], "within": "5s"}
    with pytest.raises(TestbedError) as caught, start(alone(tmp_path, ready=ready)):
        pass
    assert "exit code 1: not yet" in str(caught.value)
    assert "it listens on" not in str(caught.value)


# -- who may have one


SCENARIO = """
from testbed import *

own = topology("shop.yaml")

def test_all_on_one_port(own):
    fault = latency(ms=50).on("web -> back")
    load = constant_rate(get("/"), rps=10)
    run = own.experiment(fault, load=load, warmup_s=0.2, baseline_s=0.3, hold_s=0.7, recover_s=0)
    run.check(all=[statuses(200), attempts("web -> back", at_most=1)])
    with own.inject(kill().on(service="back")), own.client() as client:
        assert client.get("/").status_code in (502, 503)
"""


@pytest.mark.parametrize("sandbox", [False, True], ids=["as nobody", "in a sandbox"])
def test_an_ordinary_user_has_them_too(tmp_path: Path, sandbox: bool) -> None:
    shop(tmp_path / "project")
    (tmp_path / "project" / "test_it.py").write_text(SCENARIO)
    if sandbox:
        need("iproute2")
    with nobody(tmp_path / "project") as run:
        need_networks(run)
        prefix = ("-m", "testbed", "sandbox", "--", sys.executable) if sandbox else ()
        code, said = run(*prefix, *PYTEST)
    assert "1 passed" in said, said
    assert code == 0
