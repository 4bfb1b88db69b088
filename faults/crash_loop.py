"""Crash loop: a process dies and restarts again and again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from testbed.faults.base import FaultStep, positive
from testbed.faults.kill import kill
from testbed.faults.target import FaultContext
from testbed.faults.timed import forever


@dataclass(frozen=True, kw_only=True)
class crash_loop(kill):
    """Kill the process, start it `down_s` seconds later, kill it again after `up_s`, until it is healed.

    Callers are refused while it is down. `up_s` includes the time of the start.
    """

    alternates: ClassVar[bool] = True

    up_s: float
    down_s: float

    def validate(self) -> None:
        """Raise `FaultError` for times of zero or less."""
        positive(self, up_s=self.up_s, down_s=self.down_s)

    def steps(self, context: FaultContext) -> Iterator[FaultStep]:
        """Yield the same kill without end."""
        return forever(kill(target=self.target), self.waits_s, self.up_s, self.down_s)
