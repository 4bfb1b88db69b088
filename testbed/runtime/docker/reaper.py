"""Removes the Docker resources of a run when its owner dies; run as `python -I reaper.py RUN OWNER_PID`.

It has its own session, so that a signal to the owner does not end it. It reads JSON lines on stdin:

    {"folder": ".."}                        the folder of the run, to remove too
    {"pids": [[pid, start time], ..]}       the processes of containers, to kill without the daemon
    {"done": true}                          the run has stopped: end without doing anything

It acts on the end of stdin without "done", or on the death of the owner. Until then it imports very little.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path

STDIN = 0


class Reaper:
    """Waits for the end of the owner, then cleans up."""

    def __init__(self, run: str, owner: int) -> None:
        self._run, self._owner = run, owner
        self._pids: dict[int, int] = {}
        self._folder = ""
        self._unread = b""
        self._done = False

    def wait(self) -> None:
        """Return when the owner has died or has sent "done"."""
        poller = select.poll()
        for fd in (STDIN, _watch(self._owner)):
            poller.register(fd, select.POLLIN)
        while all(fd == STDIN and self._heard() for fd, _ in poller.poll()):
            pass

    def clean(self) -> None:
        """Kill and remove everything that is left."""
        if not self._done:
            for pid, started in self._pids.items():
                _kill(pid, started)
            with suppress(Exception):  # the daemon is gone: the next start removes the rest
                self._remove()
            if self._folder:
                shutil.rmtree(self._folder, ignore_errors=True)

    def _remove(self) -> None:
        from testbed.runtime.docker.engine import Engine
        from testbed.runtime.docker.leftovers import remove_run

        remove_run(Engine(), self._run)

    def _heard(self) -> bool:
        """Read the input. Return False at its end or after "done"."""
        data = os.read(STDIN, 1 << 16)
        *lines, self._unread = (self._unread + data).split(b"\n")
        for word in map(json.loads, lines):
            self._folder = word.get("folder", self._folder)
            self._pids = dict(word.get("pids", self._pids.items()))
            self._done = word.get("done", self._done)
        return bool(data) and not self._done


def _watch(owner: int) -> int:
    """Return a descriptor that becomes readable when the owner dies (stdin stays open if the owner has forked)."""
    try:
        return os.pidfd_open(owner)
    except (AttributeError, OSError):  # an old kernel, or the owner is dead and stdin has ended
        return STDIN


def _kill(pid: int, started: int) -> None:
    """Kill a process, unless its pid has been recycled or this user may not kill it.

    Reads the start time like `proc.started`, but without importing the testbed.
    """
    with suppress(OSError):
        if int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]) == started:
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    reaper = Reaper(sys.argv[1], int(sys.argv[2]))
    reaper.wait()
    reaper.clean()
