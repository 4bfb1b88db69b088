"""The client of the reaper: starts it, sends it what to remove when the owner dies, and stops it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from testbed.runtime import child
from testbed.runtime.owner import MARK, me

REAPER = Path(__file__).with_name("reaper.py")
STOP_S = 5.0  # time limit for its end


class Guard:
    """A small process in its own session that removes a run if this process ends without `stop`."""

    def __init__(self, run: str) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(REAPER), run, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, MARK: str(me())},
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """The pid of the reaper."""
        return self._process.pid

    def folder(self, folder: Path) -> None:
        """Make it remove this folder too."""
        self._tell({"folder": str(folder)})

    def watch(self, pids: Mapping[int, int]) -> None:
        """Make it kill these processes (pid and start time) if the daemon does not answer."""
        self._tell({"pids": list(pids.items())})

    def stop(self) -> None:
        """Make it end without removing anything."""
        self._tell({"done": True})

    def close(self) -> None:
        """Close the pipe and wait for its end. Without `stop` it removes the run first."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()
        child.end(self._process, STOP_S)

    def _tell(self, word: Mapping[str, object]) -> None:
        assert self._process.stdin is not None
        with self._lock, suppress(OSError):  # it was killed: the next start removes leftovers
            self._process.stdin.write((json.dumps(word) + "\n").encode())
            self._process.stdin.flush()
