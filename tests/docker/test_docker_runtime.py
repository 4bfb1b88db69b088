"""The docker runtime with real containers: starting, ending, and everything that can go wrong with either."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

import testbed
from testbed import kill
from testbed.errors import TestbedError, Unavailable
from testbed.plan.stub_behaviour import behaviour
from testbed.plan.values import File, Process, Ready
from testbed.runtime import Death
from testbed.runtime.docker import labels
from testbed.runtime.docker.engine import Engine
from testbed.runtime.docker.lease import DockerLease, lease_network
from testbed.runtime.docker.leftovers import found
from testbed.runtime.docker.runtime import DockerRuntime
from testbed.runtime.tools import binaries
from testbed.spec.topology import Topology
from tests.kit.needs import need
from tests.kit.processes import SERVER, eventually, server

pytestmark = pytest.mark.e2e
PICKY = "import signal, sys; signal.signal(signal.SIGTERM, {manners})"
DIES = """
import os, threading, time
def wait():
    while not os.path.exists("die"):
        time.sleep(0.05)
    print("bye", flush=True)
    os._exit(7)
threading.Thread(target=wait, daemon=True).start()
"""


def get(runtime: DockerRuntime, process: Process, path: str = "/healthz", timeout_s: float = 60) -> int:
    address = process.ready.url.removeprefix("http://").partition("/")[0]
    return httpx.get(f"http://{runtime.reach(address)}{path}", timeout=timeout_s, trust_env=False).status_code


def things(run: str) -> list[str]:
    """The kinds of what is there of a run: containers and networks."""
    return sorted(kind for kind, _, marks in found() if marks[labels.RUN] == run)


# -- the whole run


def test_start_and_stop(runtime: DockerRuntime, tmp_path: Path, lease: DockerLease) -> None:
    one, two = server(lease, 1), server(lease, 2)
    runtime.start([one, two], [File("s1-1/settings.json", '{"folder": "{dir}"}')])
    assert [get(runtime, one), get(runtime, two)] == [200, 200]
    assert (tmp_path / "run/s1-1/settings.json").read_text() == f'{{"folder": "{tmp_path}/run"}}'
    assert runtime.log_tail(one.name) == "up 1"
    assert things(lease.run) == ["container"] * 4 + ["network"]
    runtime.stop()
    assert not (tmp_path / "run").exists()
    assert runtime.deaths() == []
    assert things(lease.run) == []
    runtime.stop()
    with pytest.raises(TestbedError, match="stopped"):
        runtime.restart(one.name)


def test_a_process_sees_a_small_environment_runs_as_the_tester_and_leaves_its_log_where_that_is_kept(
    tmp_path: Path, lease: DockerLease, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_TOKEN", "secret")
    says = "import os; print(sorted(os.environ), os.getuid(), os.getcwd() == os.environ['WHERE'], flush=True)\n"
    runtime = DockerRuntime(tmp_path / "run", lease, keep=True)
    runtime.start([server(lease, code=says + SERVER, env={"WHERE": "{dir}"})], [])
    runtime.stop()
    words = ["ADDR", "HOME", "HOSTNAME", "LANG", "PATH", "TESTBED_OWNER", "TMPDIR", "WHERE"]
    assert (tmp_path / "run/s1-1-app.log").read_text() == f"{words} {os.getuid()} True\nup 1\n"


def test_two_runs_have_networks_of_their_own(lease: DockerLease) -> None:
    other = lease_network()
    try:
        assert other.space.network != lease.space.network
        assert things(other.run) == ["network"]
    finally:
        other.release()
    assert things(other.run) == []


def test_an_app_and_its_proxy_share_a_network_that_outlives_either(runtime: DockerRuntime, lease: DockerLease) -> None:
    app, proxy = server(lease), server(lease, role="proxy", port=9990)
    runtime.start([app, proxy], [])
    runtime.kill(app.name)
    assert get(runtime, proxy) == 200
    runtime.restart(app.name)
    assert [get(runtime, app), get(runtime, proxy)] == [200, 200]


def test_a_users_own_image_is_a_service_like_any_other(own_image: str) -> None:
    """It starts by its own entry point, is told where to listen, and is killed and healed; readiness in every way."""
    stub = Topology(name="stub", entry="own", services={"own": {"language": "go"}})
    env = {"SERVICE": "own", "REPLICA": "own-1", "SEED": "1", "BEHAVIOUR": json.dumps(behaviour(stub, "own"))}
    own = {"image": own_image, "env": env, "ready": {"http": "/healthz"}}
    services = {
        "front": {"language": "go", "calls": [{"to": each, "onFailure": {"status": 502}} for each in ("own", "old")]},
        "own": own,
        "old": {**own, "ready": {"tcp": True}, "needs": ["own"]},
    }
    mixed = Topology(name="mixed", entry="front", services=services)
    with testbed.start(mixed, runtime="docker") as bed, bed.client() as client:
        assert client.get("/").status_code == 200
        with bed.inject(kill().on(service="own")):
            assert client.get("/").status_code == 502
        assert client.get("/").status_code == 200


@pytest.fixture
def own_image(engine: Engine) -> Iterator[str]:
    """An image of a single program, as `FROM scratch` makes it: the Go stub."""
    tar, name = io.BytesIO(), f"testbed-test-own-{os.getpid()}:1"
    with tarfile.open(fileobj=tar, mode="w") as file:
        file.add(binaries.find("stub-go").resolve(), "serve")
    engine.api.import_image_from_data(tar.getvalue(), *name.split(":"), changes='ENTRYPOINT ["/serve"]')
    yield name
    engine.api.remove_image(name, force=True)


# -- what does not start


def test_a_container_that_exits_at_once(runtime: DockerRuntime, lease: DockerLease, tmp_path: Path) -> None:
    bad = server(lease, 1, code="import sys; print('no such setting: colour'); sys.exit(3)")
    with pytest.raises(TestbedError) as caught:
        runtime.start([bad, server(lease, 2)], [])
    assert str(caught.value) == (
        "s1-1/app ended before it was ready (exit code 3); last log lines:\n  | no such setting: colour"
    )
    assert things(lease.run) == []
    assert not (tmp_path / "run").exists()


def test_a_container_that_is_never_ready(lease: DockerLease, tmp_path: Path) -> None:
    runtime = DockerRuntime(tmp_path / "run", lease, ready_s=5)
    silent = server(lease, 1, code="print('waiting for Godot', flush=True)\n" + SERVER, env={"SLOW": "60"})
    with pytest.raises(TestbedError) as caught:
        runtime.start([silent, server(lease, 2, env={"STATUS": "503 Service Unavailable"})], [])
    lines = str(caught.value).splitlines()
    assert lines[0] == "not ready after 5 s:"
    assert lines[1].startswith(f"  s1-1/app: {silent.ready.url}: ")
    assert lines[2] == f"  s2-1/app: {silent.ready.url.replace('.1.1:', '.2.1:')}: answers 503"
    assert lines[3:5] == ["s1-1/app; last log lines:", "  | waiting for Godot"]
    assert things(lease.run) == []


def test_an_image_that_does_not_exist(
    runtime: DockerRuntime, lease: DockerLease, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Process("s1-1/app", "app", (), Ready(f"http://{lease.space.network}.1.1/"), image="shop/pricing:9")
    with pytest.raises(
        Unavailable, match=r"s1-1/app: the Docker daemon has no image 'shop/pricing:9'.*docker pull shop/pricing:9"
    ):
        runtime.start([own], [])
    monkeypatch.setenv("TESTBED_IMAGE", "no-such-base")
    with pytest.raises(Unavailable, match=r"the Docker daemon has no image 'no-such-base': run `testbed images build`"):
        runtime.start([server(lease)], [])
    assert things(lease.run) == ["network"]


def test_a_program_that_is_not_in_the_image(runtime: DockerRuntime, lease: DockerLease, own_image: str) -> None:
    ready = Ready(f"http://{lease.space.network}.1.1:8080/")
    with pytest.raises(TestbedError, match=r"s1-1/app could not be started: .*no-such-program"):
        runtime.start([Process("s1-1/app", "app", ("no-such-program",), ready, image=own_image)], [])
    assert things(lease.run) == []


# -- one process: three that run for all of these tests


@pytest.fixture(scope="module")
def running(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRuntime]:
    lease = lease_network()
    running = DockerRuntime(tmp_path_factory.mktemp("running") / "run", lease)
    ends, deaf = (PICKY.format(manners=manners) + SERVER for manners in ("lambda *_: sys.exit(3)", "signal.SIG_IGN"))
    plain = server(lease, 1)
    reached = replace(plain, reached=plain.listens)
    running.start([reached, server(lease, 2, code=ends), server(lease, 3, code=deaf)], [])
    yield running
    running.stop()
    lease.release()


def test_kill_and_restart(running: DockerRuntime) -> None:
    one = running.processes["s1-1/app"]
    (address,) = one.listens
    door = running.reach(address)
    assert door.startswith("127.0.0.1:")
    running.kill(one.name)
    assert not running.alive(one.name)
    for action in (running.kill, running.pause, running.resume):
        with pytest.raises(TestbedError, match=r"s1-1/app is not running \(killed by SIGKILL\)"):
            action(one.name)
    running.restart(one.name)
    assert get(running, one) == 200
    assert running.reach(address) == door
    running.restart(one.name)
    assert running.log_tail(one.name, lines=3) == "up 1\nup 1\nup 1"
    assert running.log_tail(one.name, lines=1) == "up 1"
    assert running.deaths() == []


@pytest.mark.parametrize(
    ("name", "within_s", "how"),
    [
        pytest.param("s2-1/app", 60, "exit code 3", id="ends"),
        pytest.param("s3-1/app", 0.1, "killed by SIGKILL", id="deaf"),
    ],
)
def test_who_is_asked_to_end_may_end_by_itself_or_is_killed(
    running: DockerRuntime, name: str, within_s: float, how: str
) -> None:
    running.terminate(name, within_s)
    with pytest.raises(TestbedError, match=rf"{name} is not running \({how}\)"):
        running.terminate(name, within_s)
    assert running.deaths() == []
    running.restart(name)


def test_pause_and_resume_and_the_end_of_a_paused_one(running: DockerRuntime) -> None:
    one = running.processes["s1-1/app"]
    running.pause(one.name)
    assert running.alive(one.name)
    with pytest.raises(httpx.ReadTimeout):
        get(running, one, timeout_s=0.3)
    running.resume(one.name)
    running.resume(one.name)
    assert get(running, one) == 200
    running.pause(one.name)
    running.restart(one.name)
    assert get(running, one) == 200


def test_a_tool_of_ours_runs_in_the_network_of_a_process(running: DockerRuntime) -> None:
    if os.geteuid() != 0:
        with pytest.raises(TestbedError, match="only root may enter"):
            running.inside("s2-1/app")
        return
    need("util-linux", "iproute2")
    told = running.inside("s2-1/app")
    running.restart("s2-1/app")
    assert running.inside("s2-1/app") == told
    seen = subprocess.run([*told, "ip", "-4", "addr"], capture_output=True, text=True, check=True)
    assert f"inet {running.backend.lease.space.network}.2.1/16" in seen.stdout


def test_no_process_of_that_name(running: DockerRuntime) -> None:
    with pytest.raises(TestbedError, match=r"no process called 's1-1/ap' \(did you mean 's1-1/app'\?\)"):
        running.kill("s1-1/ap")


def test_an_end_that_nobody_asked_for_is_a_death_with_its_last_words(
    runtime: DockerRuntime, lease: DockerLease, tmp_path: Path
) -> None:
    one, begin = server(lease, code=DIES + SERVER), time.time()
    runtime.start([one, server(lease, 2)], [])
    (tmp_path / "run" / "die").touch()
    eventually(runtime.deaths, within_s=60)
    (death,) = runtime.deaths()
    assert death == Death("s1-1/app", death.at, "exit code 7")
    assert begin <= death.at <= time.time()
    assert runtime.log_tail(one.name, lines=1) == "bye"
