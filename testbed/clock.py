"""The clock of a run: epoch seconds that follow the monotonic clock, so that durations stay right.

Somebody can set the wall clock during a run, and a laptop can sleep. The times of a run are therefore the monotonic
clock plus an offset that is fixed while a load is on. Nothing waits for the wall clock.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

LEAST_S = 0.001  # a smaller change of the offset is the time between two readings


def wall() -> float:
    """Return the epoch seconds of the machine, for what other programs read, and to notice that they were set."""
    return time.time()


class RunClock:
    """Epoch seconds from one offset to the monotonic clock. Thread-safe."""

    def __init__(self, wall: Callable[[], float], monotonic: Callable[[], float]) -> None:
        self._wall, self._monotonic = wall, monotonic
        self._changing, self._holders = threading.Lock(), 0
        self.offset_s = wall() - monotonic()

    def now(self) -> float:
        """Return the present moment."""
        return self.at(self._monotonic())

    def at(self, monotonic_s: float) -> float:
        """Return a moment of the monotonic clock in epoch seconds."""
        return self.offset_s + monotonic_s

    def hold(self) -> None:
        """Keep the offset until `release`. The first holder takes the present one, as the wall clock may have moved."""
        with self._changing:
            offset_s = self._wall() - self._monotonic()
            if not self._holders and abs(offset_s - self.offset_s) > LEAST_S:
                self.offset_s = offset_s
            self._holders += 1

    def release(self) -> None:
        """End one `hold`."""
        with self._changing:
            self._holders = max(0, self._holders - 1)


RUN = RunClock(lambda: wall(), time.monotonic)  # of this process; looks `wall` up at each call
now, at = RUN.now, RUN.at
