"""Runs the user's suite once in a separate pytest process, and reports the outcome of each test when it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import IO

from testbed.errors import TestbedError
from testbed.experiment.arm import Arm
from testbed.report.outcome import TestOutcome
from testbed.runtime import child
from testbed.runtime.interrupts import taken

# environment variables for the pytest process: the arm, the folder for histories, a pipe
ARM, KEPT, PIPE = "TESTBED_ARM", "TESTBED_KEPT", "TESTBED_PIPE"
COLLECTED = "collected"  # key of the message in the pipe with the number of tests
SEED, REPLAY = "--testbed-seed", "--testbed-replay"
LOG_LINES = 25  # last lines of pytest's output in a message
PATIENCE_S = 15.0  # time limit for the end of pytest after SIGTERM
ENDED = (0, 1)  # exit codes of pytest for a complete run
NO_TESTS = 5  # exit code of pytest if no test was collected
VERDICTS = {"held": "PASS", "violated": "FAIL", "inconclusive": "INCONCLUSIVE"}  # the words of tables

OnProgress = Callable[[str], None]  # prints one line
OnOutcome = Callable[[TestOutcome, int, int], None]  # with the number of the test and the number of tests (0: unknown)


def run_suite(
    args: Sequence[str], *, arm: Arm = Arm.AS_WRITTEN, kept: str, on_outcome: OnOutcome
) -> dict[str, TestOutcome]:
    """Run pytest with these arguments and return the outcome of each test by node id.

    `kept` is the folder for histories in .testbed. Raises `TestbedError` with the last output lines of pytest if the
    suite could not be collected or did not complete.
    """
    if any(arg.startswith(REPLAY) for arg in args):
        raise TestbedError(f"{REPLAY} is not possible here: a campaign needs real runs")
    outcomes: dict[str, TestOutcome] = {}
    with tempfile.TemporaryFile("w+") as log:
        reading, writing = os.pipe()
        with os.fdopen(reading) as lines, taken():
            pytest = _start(args, arm, kept, writing, log)
            try:
                _listen(lines, outcomes, on_outcome)
                code = pytest.wait()
            except BaseException:
                pytest.terminate()  # it stops its meshes
                child.end(pytest, PATIENCE_S)
                raise
        if code not in ENDED:
            raise TestbedError(_failure(args, arm, code, log))
    return outcomes


def _start(args: Sequence[str], arm: Arm, kept: str, writing: int, log: IO[str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "pytest", "-p", "testbed.frontends.plugin.recorder", *args]
    env = os.environ | {ARM: arm.value, KEPT: kept, PIPE: str(writing)}
    try:
        return subprocess.Popen(command, env=env, pass_fds=(writing,), stdout=log, stderr=subprocess.STDOUT)
    finally:
        os.close(writing)


def _listen(lines: IO[str], outcomes: dict[str, TestOutcome], on_outcome: OnOutcome) -> None:
    of = 0
    for line in lines:
        if COLLECTED in (data := json.loads(line)):
            of = data[COLLECTED]
            continue
        one = TestOutcome.from_data(data)
        before = outcomes.get(one.test)
        outcomes[one.test] = one if before is None else replace(before, outcome=one.outcome, why=one.why)  # a teardown
        on_outcome(outcomes[one.test], len(outcomes), of)


def _failure(args: Sequence[str], arm: Arm, code: int, log: IO[str]) -> str:
    log.seek(0)
    words = "\n".join(log.read().splitlines()[-LOG_LINES:])
    what = "collected no tests" if code == NO_TESTS else f"did not complete (exit code {code})"
    return f"pytest {' '.join(args)}, {arm}, {what}:\n{words}"
