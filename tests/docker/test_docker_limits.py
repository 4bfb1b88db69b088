"""Little processor time and little memory, by the daemon's own limits, measured."""

from __future__ import annotations

import time

import httpx
import pytest
from runtime_kit import WORKER, server

from testbed.errors import TestbedError
from testbed.plan import Process
from testbed.runtime.docker.lease import DockerLease
from testbed.runtime.docker.runtime import DockerRuntime

pytestmark = pytest.mark.e2e


def work(runtime: DockerRuntime, process: Process, ms: int) -> float:
    """The seconds that so much processor time takes, as its caller sees it."""
    address = process.ready.url.removeprefix("http://").partition("/")[0]
    begun = time.perf_counter()
    assert httpx.get(f"http://{runtime.reach(address)}/{ms}", timeout=60, trust_env=False).status_code == 200
    return time.perf_counter() - begun


def test_work_takes_one_share_th_longer_until_it_is_let_go(runtime: DockerRuntime, lease: DockerLease) -> None:
    one = server(lease, code=WORKER, env={"SIDE": "1"})
    runtime.start([one], [])
    assert runtime.cannot("cpu") == ""
    runtime.throttle(one.name, 0.1)
    begun, spent = time.monotonic(), runtime.cpu_seconds(one.name)
    work(runtime, one, 60)
    used, lasted = runtime.cpu_seconds(one.name) - spent, time.monotonic() - begun
    assert lasted >= 0.6 * 0.85  # and its second thread burns as much as it gets
    assert used <= 0.1 * lasted * 1.3 + 0.05
    runtime.unthrottle(one.name)
    assert work(runtime, one, 60) < lasted


def test_a_share_is_of_one_life(runtime: DockerRuntime, lease: DockerLease) -> None:
    one = server(lease, code=WORKER)
    runtime.start([one], [])
    runtime.throttle(one.name, 0.02)
    runtime.kill(one.name)
    runtime.unthrottle(one.name)  # nothing to do
    with pytest.raises(TestbedError, match="s1-1/app is not running"):
        runtime.throttle(one.name, 0.5)
    runtime.restart(one.name)
    assert min(work(runtime, one, 40) for _ in range(3)) < 0.04 / 0.02 / 2


def test_a_limit_of_memory_is_of_one_life(runtime: DockerRuntime, lease: DockerLease) -> None:
    one = server(lease)
    runtime.start([one], [])
    assert runtime.cannot("memory") == ""
    runtime.confine(one.name, 32)
    assert limit_of(runtime, one) == 32 * 1024 * 1024
    runtime.restart(one.name)
    assert limit_of(runtime, one) > 1 << 40
    assert runtime.deaths() == []


def limit_of(runtime: DockerRuntime, process: Process) -> int:
    fleet = runtime._running()
    found = fleet._engine._api.inspect_container(fleet._berths[process.name].container)
    return int(found["HostConfig"]["Memory"])


def test_too_little_memory_is_an_error_and_no_death(runtime: DockerRuntime, lease: DockerLease) -> None:
    one = server(lease)
    runtime.start([one], [])
    with pytest.raises(TestbedError, match="s1-1/app does not come up with 1 MiB of memory: "):
        runtime.confine(one.name, 1)
    assert runtime.deaths() == []
    runtime.restart(one.name)
