"""Runs the user's suite once, in a pytest process of its own, and hands on what every test did as soon as it ended."""

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

# what a campaign tells the pytest that it starts, by its environment: the arm, the folder for histories, a pipe
ARM, KEPT, PIPE = "TESTBED_ARM", "TESTBED_KEPT", "TESTBED_PIPE"
COLLECTED = "collected"  # in the pipe: how many tests there are
SEED, REPLAY = "--testbed-seed", "--testbed-replay"
LAST_WORDS = 25  # lines of pytest's output that a message quotes
PATIENCE_S = 15.0  # for pytest to end when it is asked to
ENDED = (0, 1)  # pytest's exit codes for a suite that ran to its end
NOTHING = 5  # and for one without any test

Say = Callable[[str], None]  # shows one line to the user
OnOutcome = Callable[[TestOutcome, int, int], None]  # with the number of the test, and of how many (0: unknown)


def run_suite(
    args: Sequence[str], *, arm: Arm = Arm.AS_WRITTEN, kept: str, on_outcome: OnOutcome
) -> dict[str, TestOutcome]:
    """Run pytest with these arguments and return what each test did, by node id.

    `kept` is the folder below .testbed for the histories. Raises `TestbedError`, with pytest's last words, if the
    suite could not be collected or did not run to its end.
    """
    if any(arg.startswith(REPLAY) for arg in args):
        raise TestbedError(f"{REPLAY} starts nothing: without real runs there is nothing to compare")
    outcomes: dict[str, TestOutcome] = {}
    with tempfile.TemporaryFile("w+") as log:
        reading, writing = os.pipe()
        with os.fdopen(reading) as lines, taken():
            pytest = _start(args, arm, kept, writing, log)
            try:
                _listen(lines, outcomes, on_outcome)
                code = pytest.wait()
            except BaseException:
                pytest.terminate()  # it takes its meshes with it
                child.end(pytest, PATIENCE_S)
                raise
        if code not in ENDED:
            raise TestbedError(_trouble(args, arm, code, log))
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


def _trouble(args: Sequence[str], arm: Arm, code: int, log: IO[str]) -> str:
    log.seek(0)
    words = "\n".join(log.read().splitlines()[-LAST_WORDS:])
    what = "found no test" if code == NOTHING else f"did not run to its end (exit code {code})"
    return f"pytest {' '.join(args)}, {arm}, {what}:\n{words}"
