"""`testbed ps` lists what runs and what is left of the dead; `testbed down` removes it, and ends what it is told to."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.kit.scene import Scene, Victim, foreign

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def runs(scene: Scene) -> list[dict[str, object]]:
    done = scene.testbed("ps", "--json")
    assert done.returncode == 0, done.stderr
    mine = str(scene.spare)
    return [run for run in json.loads(done.stdout) if mine in json.dumps(run)]


def orphan(scene: Scene, victim: Victim) -> None:
    """Make a run an orphan: whoever could clean up is killed."""
    victim.kill(victim.process.pid, *victim.reapers())
    victim.process.wait()


def test_a_running_run_is_listed_and_kept(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    with scene.run() as victim:
        scene.up(victim)
        (run,) = runs(scene)
        assert (run["state"], run["topology"], run["runtime"]) == ("running", "victim", "process")
        assert run["owner"]["pid"] == victim.process.pid
        kinds = [thing["kind"] for thing in run["things"]]
        assert kinds.count("process") >= 8  # two backs, a front and its proxy, links, inlet, load driver, reapers
        assert kinds.count("folder") == 1
        listed = scene.testbed("ps").stdout
        assert str(victim.process.pid) in listed
        assert "running" in listed
        assert scene.testbed("down").returncode == 0
        assert victim.process.poll() is None
        assert len(runs(scene)) == 1
        done = scene.testbed("down", str(run["run"]))
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"(pid {victim.process.pid})" in done.stdout
        assert "1 passed" in victim.end()
        scene.assert_gone(victim)
        assert runs(scene) == []


def test_only_an_orphan_is_marked_and_removed(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    with foreign(scene.spare) as others, scene.run() as victim:
        scene.up(victim)
        orphan(scene, victim)
        states = {run["owner"]["pid"]: run["state"] for run in runs(scene)}
        assert states[victim.process.pid] == "orphan"
        assert states[others.process.pid] == "running"
        assert states[1] == "elsewhere"
        assert "testbed down" in scene.testbed("ps").stdout
        done = scene.testbed("down")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "1 folder" in done.stdout
        scene.assert_gone(victim, foreign=others)


def test_an_owner_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    scene = Scene(tmp_path, IGNORES)
    with scene.run() as victim:
        scene.up(victim)
        (run,) = runs(scene)
        done = scene.testbed("down", str(run["run"]), "--timeout=1")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "it did not end within 1 s: sending SIGKILL" in done.stdout
        assert victim.process.wait(30) == -signal.SIGKILL
        scene.assert_gone(victim)


IGNORES = """
import signal

def test_ignores(tiny):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Path("up").touch()
    time.sleep(60)
"""


def test_an_unknown_run_is_one_message(tmp_path: Path) -> None:
    done = Scene(tmp_path).testbed("down", "nosuch")
    assert done.returncode == 2
    assert "no run 'nosuch'" in done.stderr
