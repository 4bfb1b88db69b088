"""Throttles a process and its descendants: short turns, stopped (SIGSTOP) in between. Used only by the reaper."""

from __future__ import annotations

import signal
import time
from types import ModuleType

PERIOD_S, TURN_S = 0.02, 0.002  # one turn per period, at least this long
LOOK_S = 0.2  # between two searches for new descendants


class DutyCycleThrottle:
    """Gives a process and its descendants short turns and stops them in between, so that they get `share` of one CPU.

    The length of a turn plus its stop is the time used in the turn divided by the share. The time used is the turn
    itself, or the CPU time if several threads and processes used more. The next turn corrects a stop or turn that was
    too long.
    """

    def __init__(self, pid: int, share: float, family: ModuleType) -> None:
        """`family` is the module of this name: the isolated interpreter of the reaper imports it in another way."""
        self.pid, self.share, self._family = pid, share, family
        self.turn = max(PERIOD_S * share, TURN_S)
        self.stopped = True  # so that a turn comes first
        self.due = self.begun = self.since = time.monotonic()
        self.used = 0.0
        self.members, self.looked = self._family.descendants(pid), self.due
        self.advance()

    def advance(self) -> None:
        """Stop or continue them; `due` is the time of the next change."""
        now = time.monotonic()
        used = sum(map(_cpu_clock, self.members))
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
        """Continue them all."""
        self.stopped = False
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        if time.monotonic() - self.looked > LOOK_S:
            self.members, self.looked = self._family.descendants(self.pid), time.monotonic()
        self._family.send_to_group(self.pid, number)
        for member in self.members:
            self._family.send(member, number)


def _cpu_clock(pid: int) -> float:
    """Exact CPU seconds of all threads of a process; 0 if it does not exist. The clock id is part of the kernel ABI."""
    try:
        return time.clock_gettime(~pid << 3 | 2)
    except OSError:
        return 0.0
