"""However the owner of a run ends, no process and no folder of it is there soon after."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from testbed.runtime.cgroups import Memory
from tests.kit import PROGRAMS
from tests.kit.processes import eventually, is_free, marked

pytestmark = pytest.mark.e2e

OWNER = PROGRAMS / "runtime_owner.py"
RUN = 5  # guard, worker, two servers, and the stray that one of them left


@dataclass
class Owner:
    process: subprocess.Popen[str]
    directory: Path
    mark: str
    block: int
    reaper: tuple[int, int]  # guard, worker
    child: int  # what the owner has forked; not of the run

    def rest(self) -> set[int]:
        """The living processes of the run, without its owner."""
        return marked(self.mark) - {self.process.pid, self.child}


@contextmanager
def owner(tmp_path: Path, ending: str) -> Iterator[Owner]:
    mark, directory = uuid.uuid4().hex, tmp_path / "run"
    with subprocess.Popen(
        [sys.executable, str(OWNER), ending, str(directory), mark],
        env={**os.environ, "MARK": mark},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            said = json.loads(process.stdout.readline())
            yield Owner(process, directory, mark, said["block"], tuple(said["reaper"]), said["child"])
        finally:
            process.kill()
            for pid in marked(mark):  # after a failure
                with suppress(OSError):
                    os.kill(pid, signal.SIGKILL)


def assert_gone(run: Owner, within_s: float = 60) -> None:
    eventually(lambda: not run.rest() and not run.directory.exists(), within_s)


@pytest.mark.parametrize(
    ("number", "within_s"),
    [
        pytest.param(signal.SIGINT, 60, id="SIGINT"),
        pytest.param(signal.SIGTERM, 60, id="SIGTERM"),
        pytest.param(signal.SIGKILL, 2, id="SIGKILL", marks=pytest.mark.lateness),
    ],
)
def test_a_signal_to_the_owner_ends_the_run(tmp_path: Path, number: signal.Signals, within_s: float) -> None:
    with owner(tmp_path, "wait") as run:
        eventually(lambda: len(run.rest()) == RUN)
        assert not is_free(run.block)
        run.process.send_signal(number)
        run.process.wait(60)
        assert_gone(run, within_s)
        eventually(lambda: is_free(run.block), within_s)


@pytest.mark.parametrize("ending", ["exit", "raise"])
def test_an_owner_that_never_calls_stop(tmp_path: Path, ending: str) -> None:
    with owner(tmp_path, ending) as run:
        code = run.process.wait(60)
        assert code == (1 if ending == "raise" else 0)
        assert_gone(run)


def test_a_forked_child_of_the_owner_does_not_keep_the_run_alive(tmp_path: Path) -> None:
    with owner(tmp_path, "forked") as run:
        eventually(lambda: len(run.rest()) == RUN)
        run.process.kill()
        run.process.wait(60)
        assert_gone(run)
        assert run.child in marked(run.mark)


def kill_guard(run: Owner) -> None:
    os.kill(run.reaper[0], signal.SIGKILL)


def kill_worker(run: Owner) -> None:
    os.kill(run.reaper[1], signal.SIGKILL)


def terminate_guard(run: Owner) -> None:
    os.kill(run.reaper[0], signal.SIGTERM)


def kill_worker_then_owner(run: Owner) -> None:
    kill_worker(run)
    run.process.kill()


@pytest.mark.parametrize("end", [kill_guard, kill_worker, terminate_guard, kill_worker_then_owner])
def test_the_end_of_the_reaper_ends_the_run(tmp_path: Path, end: Callable[[Owner], None]) -> None:
    with owner(tmp_path, "wait") as run:
        eventually(lambda: len(run.rest()) == RUN)
        end(run)
        assert_gone(run)


def test_nothing_that_was_started_outlives_both_halves_of_the_reaper(tmp_path: Path) -> None:
    """Then only the kernel is left to act: it ends what we started, but not what that has set free."""
    with owner(tmp_path, "wait") as run:
        eventually(lambda: len(run.rest()) == RUN)
        kill_guard(run)
        kill_worker(run)
        eventually(lambda: len(run.rest()) <= 1)


def kill_owner(run: Owner) -> None:
    run.process.kill()


@pytest.mark.parametrize("end", [kill_owner, kill_guard, kill_worker, kill_worker_then_owner])
def test_processes_that_stand_still_and_control_groups_go_as_well(tmp_path: Path, end: Callable[[Owner], None]) -> None:
    memory = Memory()
    with owner(tmp_path, "limited") as run:
        eventually(lambda: len(run.rest()) == RUN)
        folders = [] if memory.missing else _groups(memory, run)
        assert memory.missing or folders
        end(run)
        assert_gone(run)
        eventually(lambda: not any(folder.exists() for folder in folders))


def _groups(memory: Memory, run: Owner) -> list[Path]:
    return list(Path(memory.group(run.block, 1).folder).parent.glob(f"testbed-{run.process.pid}-*-{run.block}-*"))
