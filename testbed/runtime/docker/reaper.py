"""Removes what a run has left at the Docker daemon when its owner has died; run as `python -I reaper.py RUN OWNER_PID`.

In a session of its own, so that what ends the owner does not end it. It waits on stdin, JSON lines:

    {"folder": ".."}                        the run's folder, to be removed as well
    {"pids": [[pid, start time], ..]}       the containers' processes, to be killed at once and without the daemon
    {"done": true}                          the run has been stopped: end, and do nothing

The end of stdin without "done", or the owner's death, is its sign. Until then it has imported next to nothing.
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
    """Waits for the end of the owner, then cleans."""

    def __init__(self, run: str, owner: int) -> None:
        self._run, self._owner = run, owner
        self._pids: dict[int, int] = {}
        self._folder = ""
        self._unread = b""
        self._done = False

    def wait(self) -> None:
        """Return when the owner has ended or has said that it is done."""
        poller = select.poll()
        for fd in (STDIN, _watch(self._owner)):
            poller.register(fd, select.POLLIN)
        while all(fd == STDIN and self._heard() for fd, _ in poller.poll()):
            pass

    def clean(self) -> None:
        """End and remove all that is left."""
        if not self._done:
            for pid, started in self._pids.items():
                _kill(pid, started)
            with suppress(Exception):  # no daemon any more: the next start sweeps what it still remembers
                self._remove()
            if self._folder:
                shutil.rmtree(self._folder, ignore_errors=True)

    def _remove(self) -> None:
        from testbed.runtime.docker.engine import Engine
        from testbed.runtime.docker.leftovers import remove_run

        remove_run(Engine(), self._run)

    def _heard(self) -> bool:
        """Take what has come in; False when it means the end."""
        data = os.read(STDIN, 1 << 16)
        *lines, self._unread = (self._unread + data).split(b"\n")
        for word in map(json.loads, lines):
            self._folder = word.get("folder", self._folder)
            self._pids = dict(word.get("pids", self._pids.items()))
            self._done = word.get("done", self._done)
        return bool(data) and not self._done


def _watch(owner: int) -> int:
    """Return a descriptor that becomes readable when the owner dies (stdin's end is missed if it had forked)."""
    try:
        return os.pidfd_open(owner)
    except (AttributeError, OSError):  # an old kernel; or it has died, then stdin has ended too
        return STDIN


def _kill(pid: int, started: int) -> None:
    """Kill a process, unless its pid is another one's by now or it is not ours to kill.

    Reads its start time as `proc.started` does, without it: this must work before anything of ours is imported.
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
