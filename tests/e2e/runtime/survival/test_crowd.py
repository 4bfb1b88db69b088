"""Many pytest runs that are started at once on one machine: each comes up, is judged, and leaves nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from testbed.runtime.orphans.found import look
from tests.kit import ROOT

pytestmark = pytest.mark.e2e

AT_ONCE = int(os.environ.get("TESTBED_CROWD", 4))  # `make survive` starts 32
TOPOLOGY = """
name: tiny
entry: front
services:
  front: {language: go, calls: [back]}
  back: {language: go}
policies:
  - edge: front -> back
    retries: {attempts: 2, retryOn: [5xx]}
"""
TEST = """
from testbed import abort, attempts, constant_rate, get, topology

tiny = topology("tiny.yaml")


def test_it(tiny):
    run = tiny.experiment(abort(503).on("front -> back"), load=constant_rate(get("/"), rps=10), hold_s=1)
    run.check(all=[attempts("front -> back", at_most=3)])
"""


def begun(folder: Path) -> subprocess.Popen[str]:
    """A pytest run of somebody, in a folder of their own."""
    folder.mkdir()
    (folder / "tiny.yaml").write_text(TOPOLOGY)
    (folder / "test_it.py").write_text(TEST)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "TESTBED_"))}
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "test_it.py"]
    pipe = subprocess.PIPE
    env = {**kept, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(words, cwd=folder, env=env, stdout=pipe, stderr=subprocess.STDOUT, text=True)


@pytest.mark.timeout(900)
def test_runs_that_begin_at_once_all_come_up_and_leave_nothing(tmp_path: Path) -> None:
    """On a busy machine a verdict may be that the machine was too busy for one; no run may fail to start."""
    runs = [begun(tmp_path / str(number)) for number in range(AT_ONCE)]
    said = [run.communicate()[0] for run in runs]
    ended = [
        "passed" if run.returncode == 0 else "saturated" if "the testbed was saturated" in text else text
        for run, text in zip(runs, said, strict=True)
    ]
    assert set(ended) <= {"passed", "saturated"}
    owners = {run.pid for run in runs}
    assert [thing for thing in look() if thing.owner.pid in owners] == []
