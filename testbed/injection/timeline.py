"""Conducting: a fault that acts over time, its parts put in force and healed one after the other as time goes by."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

from testbed.errors import TestbedError
from testbed.faults.base import Beat, Fault


class Conductor:
    """Plays the beats of one fault in a thread of its own, until there are no more or it is stopped.

    `begin` puts a part in force and returns when that has been seen; `end` heals what is in force, if anything is.
    """

    def __init__(
        self, text: str, beats: Iterator[Beat], begin: Callable[[Fault], None], end: Callable[[], None]
    ) -> None:
        self._text, self._beats, self._begin, self._end = text, beats, begin, end
        self._stop = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._play, name="testbed-conductor", daemon=True)

    def start(self) -> None:
        """Begin the first beat, unless it waits, and return; what that raises goes on to the caller."""
        self._first = next(self._beats)
        if not self._first.after_s:
            self._begin(self._first.part)
        self._ends_at = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """End what is in force and the thread; raise `TestbedError` for whatever had gone wrong in it."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        self.check()

    def check(self) -> None:
        """Raise `TestbedError` for whatever has gone wrong in the thread; once."""
        failure, self._failure = self._failure, None
        if failure is not None:
            raise TestbedError(f"{self._text} went wrong while it was in force: {failure}") from failure

    def _play(self) -> None:
        try:
            if not self._first.after_s or self._wait(self._first):
                self._hold(self._first)
                for beat in self._beats:
                    if not self._wait(beat):
                        break
                    self._hold(beat)
        except Exception as failure:
            self._failure = failure

    def _wait(self, beat: Beat) -> bool:
        """Wait for a beat and begin it; False if it was stopped before. The wait counts from the end of the last."""
        if self._stop.wait(max(0.0, self._ends_at + beat.after_s - time.monotonic())):
            return False
        self._begin(beat.part)
        return True

    def _hold(self, beat: Beat) -> None:
        """Keep a part in force for its time, or until it is stopped."""
        try:
            self._stop.wait(min(beat.for_s, threading.TIMEOUT_MAX))
        finally:
            self._ends_at = time.monotonic()
            self._end()
