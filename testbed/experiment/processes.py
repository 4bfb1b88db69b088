"""Processes under fault, and the recorder told of each end, pause and new life of those that write evidence."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from testbed.evidence.reader import LogReader
from testbed.evidence.recorder import Recorder
from testbed.injection.processes import ProcessControl

ON_THE_WAY_S = 0.15  # for the last requests to an app, and its last answers, to get through links and inlet


class Watched:
    """Implements `ProcessControl` with that of a runtime."""

    def __init__(self, processes: ProcessControl, recorder: Recorder) -> None:
        self._processes, self._recorder = processes, recorder

    def kill(self, name: str) -> None:
        """End it at once, when what it has seen to the end so far is logged."""
        reader = self._recorder.reader(name)
        if reader:
            reader.flush()
        self._processes.kill(name)
        if reader:
            reader.killed()

    def pause(self, name: str) -> None:
        """Stop it."""
        if reader := self._proxy(name):
            reader.writer.paused()
        self._processes.pause(name)

    def resume(self, name: str) -> None:
        """Let it go on."""
        self._processes.resume(name)
        if reader := self._proxy(name):
            reader.writer.resumed()

    def restart(self, name: str) -> None:
        """Start it again and wait until it is ready; one that lives is killed first."""
        with self._renewing(name):
            self._processes.restart(name)

    def terminate(self, name: str, within_s: float) -> None:
        """Ask an app to end when what was sent to it has come, and end it if it has not within this time."""
        time.sleep(ON_THE_WAY_S)
        reader, patient_until = self._recorder.reader(name), time.time() + within_s
        self._processes.terminate(name, within_s)
        if reader and time.time() < patient_until:
            reader.writer.exited()
        elif reader:  # it was killed in the end
            reader.flush()
            reader.killed()
        time.sleep(ON_THE_WAY_S)

    def throttle(self, name: str, share: float) -> None:
        """Give an app only this share of one processor."""
        self._processes.throttle(name, share)

    def unthrottle(self, name: str) -> None:
        """Give an app as much as it likes."""
        self._processes.unthrottle(name)

    def confine(self, name: str, mb: int) -> None:
        """Start an app again with this much memory (MiB)."""
        with self._renewing(name):
            self._processes.confine(name, mb)

    def cannot(self, action: str) -> str:
        """Why an action is not possible here, "" if it is."""
        return self._processes.cannot(action)

    @contextmanager
    def _renewing(self, name: str) -> Iterator[None]:
        """Kill a process that lives and writes evidence; in this block it is started again."""
        reader = self._recorder.reader(name)
        if reader and reader.writer.alive:
            self.kill(name)
        yield
        if reader:
            reader.started()

    def _proxy(self, name: str) -> LogReader | None:
        """Who reads the log of a proxy; an app that stands still knows itself how long its tries took."""
        reader = self._recorder.reader(name)
        return reader if reader and reader.log.admin else None
