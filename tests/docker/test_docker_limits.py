"""Little processor time and little memory, by the daemon's own limits, measured on one container."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest

from testbed.errors import TestbedError
from testbed.runtime.docker.engine import Engine
from testbed.runtime.docker.lease import lease_network
from testbed.runtime.docker.runtime import DockerRuntime
from tests.kit.processes import WORKER, eventually, server

pytestmark = pytest.mark.e2e
ONE = "s1-1/app"


@pytest.fixture(scope="module")
def started(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRuntime]:
    lease = lease_network()
    started = DockerRuntime(tmp_path_factory.mktemp("limits") / "run", lease)
    started.start([server(lease, code=WORKER)], [])
    yield started
    started.stop()
    lease.release()


@pytest.fixture
def running(started: DockerRuntime) -> Iterator[DockerRuntime]:
    yield started
    started.restart(ONE)


def work(running: DockerRuntime, ms: int) -> float:
    """The seconds that so much processor time takes, as its caller sees it."""
    (address,) = running.processes[ONE].listens
    begun = time.perf_counter()
    assert httpx.get(f"http://{running.reach(address)}/{ms}", timeout=60, trust_env=False).status_code == 200
    return time.perf_counter() - begun


def test_work_takes_one_share_th_longer_until_it_is_let_go(running: DockerRuntime) -> None:
    assert running.cannot("cpu") == ""
    running.throttle(ONE, 0.1)
    begun, spent = time.monotonic(), running.cpu_seconds(ONE)
    work(running, 80)
    used, lasted = running.cpu_seconds(ONE) - spent, time.monotonic() - begun
    assert lasted >= 0.8 * 0.85
    assert used <= 0.1 * lasted * 1.3 + 0.05
    running.unthrottle(ONE)
    eventually(lambda: work(running, 80) < lasted / 2, within_s=60)


def test_a_share_is_of_one_life(running: DockerRuntime) -> None:
    running.throttle(ONE, 0.02)
    running.kill(ONE)
    running.unthrottle(ONE)  # nothing to do
    with pytest.raises(TestbedError, match="s1-1/app is not running"):
        running.throttle(ONE, 0.5)
    running.restart(ONE)
    eventually(lambda: work(running, 40) < 0.04 / 0.02 / 2, within_s=60)


def test_a_limit_of_memory_is_of_one_life(running: DockerRuntime) -> None:
    assert running.cannot("memory") == ""
    running.confine(ONE, 32)
    assert limit_of(running) == 32 * 1024 * 1024
    running.restart(ONE)
    assert limit_of(running) > 1 << 40


def limit_of(running: DockerRuntime) -> int:
    containers = running.backend.containers
    found = containers.engine.api.inspect_container(containers.handles[ONE].container)
    return int(found["HostConfig"]["Memory"])


def test_too_little_memory_is_an_error_and_no_death(running: DockerRuntime) -> None:
    with pytest.raises(TestbedError, match="s1-1/app does not become ready with 1 MiB of memory: "):
        running.confine(ONE, 1)
    assert running.deaths() == []
