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

from testbed.campaigns.outcomes import ARM, COLLECTED, KEPT, PIPE, Told, read
from testbed.errors import TestbedError
from testbed.experiment.arm import Arm
from testbed.runtime import child
from testbed.runtime.interrupts import taken

SEED, REPLAY = "--testbed-seed", "--testbed-replay"
LAST_WORDS = 25  # lines of pytest's output that a message quotes
PATIENCE_S = 15.0  # for pytest to end when it is asked to
ENDED = (0, 1)  # pytest's exit codes for a suite that ran to its end
NOTHING = 5  # and for one without any test

Heard = Callable[[Told, int, int], None]  # what a test did, the how manieth it is, and of how many (0: unknown)


def run_suite(args: Sequence[str], *, arm: Arm = Arm.AS_WRITTEN, kept: str, heard: Heard) -> dict[str, Told]:
    """Run pytest with these arguments and return what each test did, by node id.

    `kept` is the folder below .testbed for the histories. Raises `TestbedError`, with pytest's last words, if the
    suite could not be collected or did not run to its end.
    """
    if any(arg.startswith(REPLAY) for arg in args):
        raise TestbedError(f"{REPLAY} starts nothing: without real runs there is nothing to compare")
    told: dict[str, Told] = {}
    with tempfile.TemporaryFile("w+") as log:
        reading, writing = os.pipe()
        with os.fdopen(reading) as lines, taken():
            pytest = _start(args, arm, kept, writing, log)
            try:
                _listen(lines, told, heard)
                code = pytest.wait()
            except BaseException:
                pytest.terminate()  # it takes its meshes with it
                child.end(pytest, PATIENCE_S)
                raise
        if code not in ENDED:
            raise TestbedError(_trouble(args, arm, code, log))
    return told


def _start(args: Sequence[str], arm: Arm, kept: str, writing: int, log: IO[str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "pytest", "-p", "testbed.frontends.plugin.recorder", *args]
    env = os.environ | {ARM: arm.value, KEPT: kept, PIPE: str(writing)}
    try:
        return subprocess.Popen(command, env=env, pass_fds=(writing,), stdout=log, stderr=subprocess.STDOUT)
    finally:
        os.close(writing)


def _listen(lines: IO[str], told: dict[str, Told], heard: Heard) -> None:
    of = 0
    for line in lines:
        if COLLECTED in (data := json.loads(line)):
            of = data[COLLECTED]
            continue
        one = read(line)
        before = told.get(one.test)
        told[one.test] = one if before is None else replace(before, outcome=one.outcome, why=one.why)  # a teardown
        heard(told[one.test], len(told), of)


def _trouble(args: Sequence[str], arm: Arm, code: int, log: IO[str]) -> str:
    log.seek(0)
    words = "\n".join(log.read().splitlines()[-LAST_WORDS:])
    what = "found no test" if code == NOTHING else f"did not run to its end (exit code {code})"
    return f"pytest {' '.join(args)}, {arm}, {what}:\n{words}"
