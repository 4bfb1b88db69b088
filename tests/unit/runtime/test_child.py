"""Ending a child: one that heeds the request ends in its own way, any other is killed and reaped."""

from __future__ import annotations

import signal
import subprocess
import sys

from testbed.runtime import child

UNTIL_STDIN_ENDS = "import sys; sys.stdin.read(); sys.exit(7)"
FOR_EVER = "import time; time.sleep(600)"


def test_a_child_that_ends_in_time_is_not_killed() -> None:
    process = subprocess.Popen([sys.executable, "-I", "-S", "-c", UNTIL_STDIN_ENDS], stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.close()
    child.end(process, patience_s=60)
    assert process.returncode == 7
    child.end(process, patience_s=60)  # a second time does nothing


def test_a_child_that_does_not_end_is_killed_and_reaped() -> None:
    process = subprocess.Popen([sys.executable, "-I", "-S", "-c", FOR_EVER])
    child.end(process, patience_s=0)
    assert process.returncode == -signal.SIGKILL
