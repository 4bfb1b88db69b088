"""Throttles one process group: short turns, and standing still (SIGSTOP) in between. Used by the reaper alone."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

PERIOD_S, TURN_S = 0.02, 0.002  # a throttled process has one turn a period, but none shorter than this


class DutyCycleThrottle:
    """Gives one process group short turns and stops it in between, so that it gets `share` of one processor.

    A turn and the stop after it last as long as what was used in the turn lasts at that share: the turn itself, or the
    processor time where several threads used more. A stop or turn that was too long is made up for by the next.
    """

    def __init__(self, pid: int, share: float) -> None:
        self.pid, self.share = pid, share
        self.turn = max(PERIOD_S * share, TURN_S)
        self.stopped = True  # so that the first thing is a turn
        self.due = self.begun = self.since = time.monotonic()
        self.used = 0.0
        self.advance()

    def advance(self) -> None:
        """Stop, or go on; `due` is when to do the other."""
        now, used = time.monotonic(), _cpu_clock(self.pid)
        if self.stopped:
            self.release()
            begun = max(self.due, now - self.turn / self.share)  # credit for one period at most
        else:
            begun = self.begun + max(now - self.since, used - self.used) / self.share
            if begun > now:
                self.stopped, self.due = True, begun
                return self._signal(signal.SIGSTOP)
        self.begun, self.since, self.used, self.due = begun, now, used, now + self.turn

    def release(self) -> None:
        """Let it go on."""
        self.stopped = False
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        with suppress(OSError):
            os.killpg(self.pid, number)


def _cpu_clock(pid: int) -> float:
    """Processor seconds of all threads of a process, exactly; 0 when it is gone. The clock's id is the kernel's ABI."""
    try:
        return time.clock_gettime(~pid << 3 | 2)
    except OSError:
        return 0.0
