"""kill -9 at random moments of a suite that is busy with faults of every plane: soon nothing is left.

A few of each by default; TESTBED_KILLS, TESTBED_KILLS_XDIST, TESTBED_KILLS_DOCKER say how many (`make survive`). In
`make test` tests/docker has the kills in containers.
"""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.kit.scene import GONE_S, Scene, Victim, descendants, many

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

BUSY = """
FAULTS = [
    delay(ms=20).on("front -> back"), packet_loss(percent=20).on("front -> back"),
    memory_limit(mb=64).on(service="back"),
    flapping(connection_refused().on("front -> back"), up_s=0.05, down_s=0.05), cpu_limit(share=0.1).on(service="back"),
    crash_loop(up_s=0.05, down_s=0.05).on(replica="back-1"), pause().on(service="back"),
]

@pytest.mark.parametrize("fault", FAULTS)
def test_it(tiny, fault):
    with tiny.load(constant_rate(get("/"), rps=50)) as traffic, tiny.inject(fault):
        traffic.run(for_s=0.3)
    traffic.result().check(all=[statuses(200, 500, 502, 503, 504)])
"""
LASTS_S, LASTS_IN_DOCKER_S = 5.0, 20.0  # about what the suite takes
WORKER_GONE_S = (
    4 * GONE_S
)  # a worker of xdist lets a test that runs go on for 5 s when its controller has gone (execnet)
KILLS, KILLS_XDIST = (int(os.environ.get(name, "2")) for name in ("TESTBED_KILLS", "TESTBED_KILLS_XDIST"))
KILLS_DOCKER = int(os.environ.get("TESTBED_KILLS_DOCKER", "20"))


@pytest.fixture(scope="module")
def took(request: pytest.FixtureRequest) -> Iterator[list[float]]:
    """How long it took until nothing was left, each time; told at the end."""
    times: list[float] = []
    yield times
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print(f"\n{len(times)} times killed, nothing left after {max(times, default=0):.2f} s at most")


def later(victim: Victim, number: int, within_s: float = LASTS_S) -> None:
    """Let some time pass, another one each time and the same for each number; less if the suite has ended."""
    with suppress(subprocess.TimeoutExpired):
        victim.process.wait(random.Random(number).uniform(0, within_s))


@pytest.mark.parametrize("number", range(KILLS))
def test_pytest_is_killed(tmp_path: Path, took: list[float], number: int) -> None:
    scene = Scene(tmp_path, BUSY)
    with scene.run() as victim:
        later(victim, number)
        victim.kill()
        victim.process.wait()
        took.append(scene.assert_gone(victim))


@pytest.mark.parametrize("number", range(KILLS_XDIST))
def test_a_worker_and_then_the_controller_of_xdist_is_killed(tmp_path: Path, took: list[float], number: int) -> None:
    scene = Scene(tmp_path, BUSY)
    with scene.run("-n", "2") as victim:
        later(victim, number)
        victim.note()
        if number % 2 and (below := children(victim.process.pid)):
            victim.kill(below[0])
            later(victim, -number)
        victim.kill()
        victim.process.wait()
        took.append(scene.assert_gone(victim, within_s=WORKER_GONE_S))


@many
@pytest.mark.needs("image")
@pytest.mark.parametrize("number", range(KILLS_DOCKER))
def test_pytest_is_killed_that_has_containers(tmp_path: Path, took: list[float], number: int) -> None:
    scene = Scene(tmp_path, BUSY)
    with scene.run("--testbed-runtime=docker") as victim:
        later(victim, number, LASTS_IN_DOCKER_S)
        victim.kill()
        victim.process.wait()
        took.append(scene.assert_gone(victim, within_s=3 * GONE_S))


def children(pid: int) -> list[int]:
    """The workers of an xdist controller."""
    found = descendants(pid)
    return sorted(one for one in found if not any(one in descendants(other) for other in found))
