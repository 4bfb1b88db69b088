"""Actions on processes, which inform the recorder of each kill, pause and start of a process that writes evidence."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from testbed.evidence.reader import LogReader
from testbed.evidence.recorder import Recorder
from testbed.injection.processes import ProcessControl
from testbed.runtime import Drain, Ending

ON_THE_WAY_S = 0.15  # for the last requests and answers of an app to pass links and inlet


class RecordedProcesses:
    """Implements `ProcessControl` with the runtime, and informs the recorder."""

    def __init__(self, processes: ProcessControl, recorder: Recorder) -> None:
        self._processes, self._recorder = processes, recorder

    def kill(self, name: str) -> None:
        """Kill it after its finished requests are logged."""
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
        """Continue it."""
        self._processes.resume(name)
        if reader := self._proxy(name):
            reader.writer.resumed()

    def restart(self, name: str) -> None:
        """Start it again and wait until it is ready; a running one is killed first."""
        with self._renewing(name):
            self._processes.restart(name)

    def terminate(self, name: str, within_s: float, drain: Drain) -> Ending:
        """Send SIGTERM to an app while requests still come, and kill it after this time. Return how it ended."""
        reader = self._recorder.reader(name)
        ending = self._processes.terminate(name, within_s, drain)
        if reader and ending.event == "ended":
            reader.writer.exited()
        elif reader:  # it was killed after the time
            reader.flush()
            reader.killed()
        time.sleep(ON_THE_WAY_S)
        return ending

    def throttle(self, name: str, share: float) -> None:
        """Give an app only this share of one CPU."""
        self._processes.throttle(name, share)

    def unthrottle(self, name: str) -> None:
        """Remove the CPU limit of an app."""
        self._processes.unthrottle(name)

    def confine(self, name: str, mb: int) -> None:
        """Restart an app with this memory limit (MiB)."""
        with self._renewing(name):
            self._processes.confine(name, mb)

    def cannot(self, action: str) -> str:
        """Why an action is not possible here, "" if it is."""
        return self._processes.cannot(action)

    @contextmanager
    def _renewing(self, name: str) -> Iterator[None]:
        """Kill a running process that writes evidence; this block starts it again."""
        reader = self._recorder.reader(name)
        if reader and reader.writer.alive:
            self.kill(name)
        yield
        if reader:
            reader.started()

    def _proxy(self, name: str) -> LogReader | None:
        """The reader of the log of a proxy; a paused app measures the duration of its attempts itself."""
        reader = self._recorder.reader(name)
        return reader if reader and reader.log.admin else None
