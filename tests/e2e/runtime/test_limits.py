"""The process runtime's limits: a share of a processor, measured on work of known length, and memory."""

from __future__ import annotations

import os
import time
from pathlib import Path
from statistics import median

import httpx
import pytest

from testbed.errors import TestbedError
from testbed.plan.values import Process
from testbed.runtime import proc
from testbed.runtime.cgroups import Memory
from testbed.runtime.process.lease import Lease
from testbed.runtime.process.runtime import ProcessRuntime
from tests.kit.processes import SERVER, WORKER, eventually, server

pytestmark = pytest.mark.e2e
needs_memory = pytest.mark.needs("memory")


def work(process: Process, ms: int) -> float:
    """The seconds that so much processor time takes, as its caller sees it."""
    url = process.ready.url.replace("/healthz", f"/{ms}")
    begun = time.perf_counter()
    assert httpx.get(url, timeout=60, trust_env=False).status_code == 200
    return time.perf_counter() - begun


@pytest.mark.parametrize(("share", "ms"), [(0.5, 100), (0.2, 80), (0.05, 30)])
def test_work_takes_one_share_th_longer(runtime: ProcessRuntime, lease: Lease, share: float, ms: int) -> None:
    one = server(lease, code=WORKER)
    runtime.start([one], [])
    runtime.throttle(one.name, share)
    took = [work(one, ms) for _ in range(3)]
    assert median(took) >= 0.85 * ms / 1000 / share  # one that begins with a turn left over is quicker
    eventually(lambda: min(took) < 10 * ms / 1000 / share or took.append(work(one, ms)))


def test_all_threads_of_a_process_share_its_share(runtime: ProcessRuntime, lease: Lease) -> None:
    one = server(lease, code=WORKER, env={"SIDE": "1"})
    runtime.start([one], [])
    runtime.throttle(one.name, 0.2)
    begun, spent = time.monotonic(), runtime.cpu_seconds(one.name)
    work(one, 100)
    used, lasted = runtime.cpu_seconds(one.name) - spent, time.monotonic() - begun
    assert used <= 0.2 * lasted * 1.15 + 0.03  # cpu_seconds counts in steps of 10 ms


def test_a_throttled_process_can_be_paused_killed_and_restarted(runtime: ProcessRuntime, lease: Lease) -> None:
    one = server(lease, code=SERVER)
    runtime.start([one], [])
    runtime.throttle(one.name, 0.01)
    runtime.restart(one.name)
    assert "T" not in states_within(runtime.pid(one.name), 0.2)
    runtime.throttle(one.name, 0.01)
    runtime.kill(one.name)
    runtime.unthrottle(one.name)  # nothing to do
    with pytest.raises(TestbedError, match="s1-1/app is not running"):
        runtime.throttle(one.name, 0.5)
    assert runtime.deaths() == []


def test_a_share_that_is_changed_or_taken_back_is_so_at_once(runtime: ProcessRuntime, lease: Lease) -> None:
    one = server(lease, code=SERVER)
    runtime.start([one], [])
    runtime.throttle(one.name, 0.01)
    runtime.throttle(one.name, 0.5)
    eventually(lambda: "T" in states_within(runtime.pid(one.name), 0.02))
    runtime.unthrottle(one.name)
    assert "T" not in states_within(runtime.pid(one.name), 0.2)


def states_within(pid: int, seconds: float) -> set[str]:
    deadline, seen = time.monotonic() + seconds, set[str]()
    while time.monotonic() < deadline:
        seen |= proc.states(pid)
        time.sleep(0.001)
    return seen


@needs_memory
def test_a_limit_of_memory_is_of_one_life(runtime: ProcessRuntime, lease: Lease) -> None:
    one, two = server(lease, 1), server(lease, 2)
    runtime.start([one, two], [])
    assert runtime.cannot("memory") == ""
    runtime.confine(one.name, 32)
    group = groups(lease)[0]
    assert group.name.startswith(f"testbed-{os.getpid()}-")
    assert (group / "cgroup.procs").read_text().split() == [str(runtime.pid(one.name))]
    assert httpx.get(one.ready.url, timeout=60, trust_env=False).status_code == 200
    runtime.restart(one.name)
    eventually(lambda: not groups(lease))
    assert runtime.deaths() == []


@needs_memory
def test_too_little_memory_is_an_error_and_no_death(runtime: ProcessRuntime, lease: Lease) -> None:
    one = server(lease)
    runtime.start([one], [])
    with pytest.raises(TestbedError, match="s1-1/app does not become ready with 1 MiB of memory: .*SIGKILL"):
        runtime.confine(one.name, 1)
    assert runtime.deaths() == []
    runtime.restart(one.name)
    runtime.stop()
    assert not groups(lease)


def groups(lease: Lease) -> list[Path]:
    """The control groups of this run that are there."""
    parent = Path(Memory().group(lease.block, 1).folder).parent
    return list(parent.glob(f"testbed-{os.getpid()}-*-{lease.block}-*"))


@needs_memory
def test_the_group_that_tries_it_out_is_noted_first_and_gone_afterwards(runtime: ProcessRuntime) -> None:
    runtime.start([], [])
    assert runtime.cannot("memory") == ""
    (tried,) = (runtime.directory / "cgroups").read_text().split()
    assert not Path(tried).exists()
