"""kill -9 of what cleans up, and of what a mesh consists of: the suite ends with its report, and nothing is left."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.kit.processes import eventually
from tests.kit.scene import FIRST, GONE_S, Scene, Victim, command, foreign, many, nft, some

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SHORT = f"""
{FIRST}
def test_meets_a_death(tiny):
    with tiny.load(constant_rate(get("/"), rps=20)) as traffic:
        traffic.run(for_s=0.2, phase="before")
        Path("up").touch()
        while not Path("killed").exists():
            time.sleep(0.02)
        traffic.run(for_s=0.5, phase="after")
    traffic.result().check(all=[statuses(200)])
"""


def guard(victim: Victim) -> Sequence[int]:
    return victim.reapers()[:1]


def worker(victim: Victim) -> Sequence[int]:
    return victim.reapers()[1:]


def both(victim: Victim) -> Sequence[int]:
    return victim.reapers()


def links(victim: Victim) -> Sequence[int]:
    return [victim.part("toxiproxy")]


def inlet(victim: Victim) -> Sequence[int]:
    return [victim.part("/inlet/")]


def sidecar(victim: Victim) -> Sequence[int]:
    return [victim.part("/front-1/")]


@pytest.mark.parametrize("part", some(both, sidecar, links, inlet, guard, worker))
def test_a_part_is_killed_in_mid_test(tmp_path: Path, part: Callable[[Victim], Sequence[int]]) -> None:
    scene = Scene(tmp_path, SHORT)
    with foreign(scene.spare) as others, scene.run() as victim:
        scene.up(victim)
        victim.kill(*part(victim))
        (scene.project / "killed").touch()
        said = victim.end()
        assert "TestbedError" in said
        assert "1 passed" in said
        scene.assert_gone(victim, foreign=others)


def assert_swept(scene: Scene, strike: Callable[[Victim], object], left: str) -> None:
    """What is left of a suite after a strike (a part of its text) is removed by the next start."""
    with foreign(scene.spare) as others, scene.run() as victim:
        scene.up(victim)
        strike(victim)
        victim.process.wait()
        assert any(left in one for one in scene.left(victim, others))
        (scene.project / "up").unlink()
        with scene.run("-k", "test_first") as second:
            assert "1 passed" in second.end()
            scene.assert_gone(second, foreign=others)
        scene.assert_gone(victim, foreign=others)


def test_what_survives_pytest_and_both_reapers_is_swept_by_the_next_start(tmp_path: Path) -> None:
    assert_swept(Scene(tmp_path), lambda victim: victim.kill(victim.process.pid, *victim.reapers()), left="folder")


def test_reapers_that_stand_still_are_swept_by_the_next_start(tmp_path: Path) -> None:
    def strike(victim: Victim) -> None:
        for pid in victim.reapers():
            os.kill(pid, signal.SIGSTOP)
        victim.kill()

    assert_swept(Scene(tmp_path), strike, left="reaper.py")


FORKS = """
def test_leaves_a_fork_that_holds_our_pipes(tiny):
    fault = packet_loss(percent=10) if {packets} else delay(ms=5)
    with tiny.load(constant_rate(get("/"), rps=20)) as traffic, tiny.inject(fault.on("front -> back")):
        traffic.run(for_s=0.2)
        if (child := os.fork()) == 0:
            time.sleep(100)
            os._exit(0)
        Path("child").write_text(str(child))
        Path("up").touch()
        time.sleep(60)
"""


@many
def test_a_fork_of_pytest_keeps_nothing_of_ours_alive(tmp_path: Path) -> None:
    """It has inherited what the load driver and nft end with; only its address block stays with it."""
    scene = Scene(tmp_path, FORKS.format(packets=nft("list", "tables") is not None))
    with scene.run() as victim:
        scene.up(victim)
        child = int((scene.project / "child").read_text())
        victim.kill()
        victim.process.wait()
        its_own = [f"process {child}: {command(child)}"]
        eventually(lambda: scene.left(victim) == its_own, within_s=GONE_S)
        os.kill(child, signal.SIGKILL)
        scene.assert_gone(victim)
