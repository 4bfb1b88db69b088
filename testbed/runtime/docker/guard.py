"""The owner's side of the reaper: starts it, tells it what to end when the owner has died, and ends it."""

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
STOP_S = 5.0  # for it to end when it has been told to


class Guard:
    """A small process in a session of its own that removes a run when this process ends without `stop`."""

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
        """The reaper's pid."""
        return self._process.pid

    def folder(self, folder: Path) -> None:
        """Let it remove this folder as well."""
        self._tell({"folder": str(folder)})

    def watch(self, pids: Mapping[int, int]) -> None:
        """Let it kill these processes, each with its start time, should the daemon not answer."""
        self._tell({"pids": list(pids.items())})

    def stop(self) -> None:
        """Let it end and do nothing: there is nothing left to do."""
        self._tell({"done": True})

    def close(self) -> None:
        """Let go of the pipe and wait for its end; without `stop` it removes the run first."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()
        child.end(self._process, STOP_S)

    def _tell(self, word: Mapping[str, object]) -> None:
        assert self._process.stdin is not None
        with self._lock, suppress(OSError):  # it was killed: the next start sweeps what we may leave
            self._process.stdin.write((json.dumps(word) + "\n").encode())
            self._process.stdin.flush()
