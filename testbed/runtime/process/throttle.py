"""Throttles one process group: it runs in short turns and is stopped (SIGSTOP) in between. Used only by the reaper."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

PERIOD_S, TURN_S = 0.02, 0.002  # one turn per period, at least this long


class DutyCycleThrottle:
    """Gives one process group short turns and stops it in between, so that it gets `share` of one CPU.

    The length of a turn plus its stop is the time used in the turn divided by the share. The time used is the turn
    itself, or the CPU time if several threads used more. The next turn corrects a stop or turn that was too long.
    """

    def __init__(self, pid: int, share: float) -> None:
        self.pid, self.share = pid, share
        self.turn = max(PERIOD_S * share, TURN_S)
        self.stopped = True  # so that a turn comes first
        self.due = self.begun = self.since = time.monotonic()
        self.used = 0.0
        self.advance()

    def advance(self) -> None:
        """Stop or continue the group; `due` is the time of the next change."""
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
        """Continue the group."""
        self.stopped = False
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        with suppress(OSError):
            os.killpg(self.pid, number)


def _cpu_clock(pid: int) -> float:
    """Exact CPU seconds of all threads of a process; 0 if it does not exist. The clock id is part of the kernel ABI."""
    try:
        return time.clock_gettime(~pid << 3 | 2)
    except OSError:
        return 0.0
