"""Processes under fault, and the recorder told of each end, pause and new life of those that write evidence."""

from __future__ import annotations

import time

from testbed.controls import ProcessControl
from testbed.evidence.gather import Recorder

ON_THE_WAY_S = 0.15  # for the last requests to an app, and its last answers, to get through links and inlet


class Watched:
    """Implements `ProcessControl` with that of a runtime."""

    def __init__(self, processes: ProcessControl, recorder: Recorder) -> None:
        self._processes, self._recorder = processes, recorder

    def kill(self, name: str) -> None:
        """End it at once, when what it has seen to the end so far is logged."""
        reader = self._recorder.reader(name)
        if reader:
            reader.brace()
        self._processes.kill(name)
        if reader:
            reader.killed()

    def pause(self, name: str) -> None:
        """Stop it."""
        if reader := self._recorder.reader(name):
            reader.paused()
        self._processes.pause(name)

    def resume(self, name: str) -> None:
        """Let it go on."""
        self._processes.resume(name)
        if reader := self._recorder.reader(name):
            reader.resumed()

    def restart(self, name: str) -> None:
        """Start it again and wait until it is ready; one that lives is killed first."""
        reader = self._recorder.reader(name)
        if reader and reader.answers:
            self.kill(name)
        self._processes.restart(name)
        if reader:
            reader.begun()

    def terminate(self, name: str, within_s: float) -> None:
        """Ask an app to end when what was sent to it has come, and end it if it has not within this time."""
        time.sleep(ON_THE_WAY_S)
        self._processes.terminate(name, within_s)
        time.sleep(ON_THE_WAY_S)

    def throttle(self, name: str, share: float) -> None:
        """Give an app only this share of one processor."""
        self._processes.throttle(name, share)

    def unthrottle(self, name: str) -> None:
        """Give an app as much as it likes."""
        self._processes.unthrottle(name)

    def confine(self, name: str, mb: int) -> None:
        """Start an app again with this much memory (MiB)."""
        self._processes.confine(name, mb)

    def cannot(self, action: str) -> str:
        """Why an action is not possible here, "" if it is."""
        return self._processes.cannot(action)
