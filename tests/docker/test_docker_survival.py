"""Whatever ends the owner of a run in containers, nothing of it is left; what survives even the reaper can be swept."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from testbed.runtime import proc
from testbed.runtime.docker import labels
from testbed.runtime.docker.lease import DockerLease, lease_network
from testbed.runtime.docker.leftovers import Found, found, remove
from testbed.runtime.owner import State, state
from tests.kit import PROGRAMS, ROOT
from tests.kit.processes import eventually

pytestmark = pytest.mark.e2e


@dataclass
class Owner:
    """A process that owns a run."""

    process: subprocess.Popen[bytes]
    run: str
    reaper: int
    pids: list[int]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def left(self) -> list[Found]:
        return [one for one in found() if one[2][labels.RUN] == self.run]


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Owner]:
    words = [sys.executable, str(PROGRAMS / "docker_owner.py"), str(tmp_path / "run")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}) as process:
        assert process.stdout is not None
        told = Owner(process, **json.loads(process.stdout.readline()))
        yield told
        process.kill()
    remove(*(name for _, name, _ in told.left()))


@pytest.mark.lateness
def test_nothing_outlives_a_killed_owner_by_more_than_two_seconds(owner: Owner, tmp_path: Path) -> None:
    assert len(owner.left()) == 5
    owner.kill()
    assert eventually(lambda: not owner.left(), within_s=60) < 2
    eventually(lambda: not proc.states(owner.reaper) and not (tmp_path / "run").exists(), within_s=60)
    assert not any(map(proc.states, owner.pids))


def test_an_interrupt_of_the_whole_group_is_no_matter_for_the_reaper(owner: Owner) -> None:
    os.kill(owner.reaper, signal.SIGINT)
    owner.process.send_signal(signal.SIGINT)
    owner.process.wait()
    eventually(lambda: not owner.left(), within_s=60)


def test_what_survives_the_reaper_says_whose_it_was_and_is_swept_by_the_next_start(owner: Owner) -> None:
    os.kill(owner.reaper, signal.SIGKILL)
    left = owner.left()  # while it lives: the next start may be that of any test beside this one
    assert sorted(kind for kind, _, _ in left) == ["container"] * 4 + ["network"]
    owner.kill()
    whose = {labels.owner(marks) for _, _, marks in left}
    assert [(one.pid, state(one)) for one in whose if one] == [(owner.process.pid, State.DEAD)]
    lease_network().release()
    eventually(lambda: not owner.left(), within_s=60)


def test_ps_lists_a_run_and_down_ends_it_and_nobody_elses(owner: Owner, lease: DockerLease) -> None:
    (run,) = [run for run in command_line("ps", "--json") if run["owner"]["pid"] == owner.process.pid]
    kinds = [thing["kind"] for thing in run["things"]]
    assert (run["state"], kinds.count("container"), kinds.count("network")) == ("running", 4, 1)
    command_line("down", run["run"])
    assert owner.process.wait(60) == -signal.SIGTERM
    eventually(lambda: not owner.left(), within_s=60)
    assert [kind for kind, _, marks in found() if marks[labels.RUN] == lease.run] == ["network"]


def test_down_removes_what_survives_the_reaper_and_nothing_of_the_living(owner: Owner, lease: DockerLease) -> None:
    os.kill(owner.reaper, signal.SIGKILL)
    owner.kill()
    command_line("down")
    eventually(lambda: not owner.left(), within_s=60)  # another test's start may do the same just now
    assert [kind for kind, _, marks in found() if marks[labels.RUN] == lease.run] == ["network"]


def command_line(*words: str) -> Any:
    done = subprocess.run([sys.executable, "-m", "testbed", *words], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if "--json" in words else None
