"""The timeline of a fault that comes and goes: its parts are put in force and healed one after the other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

from testbed.errors import TestbedError
from testbed.faults.base import Fault, FaultStep


class FaultTimeline:
    """Runs the steps of one fault in a separate thread, until the last one or until it is stopped.

    `begin` puts a part in force and returns after this has been verified. `end` heals the part in force, if any.
    """

    def __init__(
        self, text: str, steps: Iterator[FaultStep], begin: Callable[[Fault], None], end: Callable[[], None]
    ) -> None:
        self._text, self._steps, self._begin, self._end = text, steps, begin, end
        self._stop = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="testbed-fault-timeline", daemon=True)

    def start(self) -> None:
        """Begin the first step, unless it has a wait, and return. Its errors are raised here."""
        self._first = next(self._steps)
        if not self._first.after_s:
            self._begin(self._first.part)
        self._ends_at = time.monotonic()
        self._thread.start()

    @property
    def is_over(self) -> bool:
        """Whether the last step has ended, or one has failed."""
        return self._thread.ident is not None and not self._thread.is_alive()

    def stop(self) -> None:
        """End the part in force and the thread; raise `TestbedError` for an error in the thread."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        self.check()

    def check(self) -> None:
        """Raise `TestbedError` for an error in the thread, once."""
        failure, self._failure = self._failure, None
        if failure is not None:
            raise TestbedError(f"{self._text} failed while it was in force: {failure}") from failure

    def _run(self) -> None:
        try:
            if not self._first.after_s or self._wait(self._first):
                self._hold(self._first)
                for step in self._steps:
                    if not self._wait(step):
                        break
                    self._hold(step)
        except Exception as failure:
            self._failure = failure

    def _wait(self, step: FaultStep) -> bool:
        """Wait for a step and begin it; False if it was stopped before. It counts from the end of the last step."""
        if self._stop.wait(max(0.0, self._ends_at + step.after_s - time.monotonic())):
            return False
        self._begin(step.part)
        return True

    def _hold(self, step: FaultStep) -> None:
        """Keep a part in force for its time, or until it is stopped."""
        try:
            self._stop.wait(min(step.for_s, threading.TIMEOUT_MAX))
        finally:
            self._ends_at = time.monotonic()
            self._end()
