"""Bandwidth: a thin line, on which large answers take their time and small ones do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from testbed.faults.base import LinkFault
from testbed.faults.operations import Operation
from testbed.faults.streams import Direction, known_direction, toxics, whole
from testbed.faults.target import FaultContext
from testbed.faults.toxics import KINDS


@dataclass(frozen=True, kw_only=True)
class bandwidth(LinkFault):
    """Let `kb_per_s` kilobytes (of 1000 bytes) a second through, on each connection for itself.

    `direction="answers"` (the default) makes answers slow, `"requests"` what callers send. Opening a connection is not
    slower, and neither is what fits into a few kilobytes. Whole numbers from 1 on; a line that lets nothing through is
    `stall()`. Healing hands over at once what was held back.

        bandwidth(kb_per_s=64).on("checkout -> pricing")
    """

    twin: ClassVar[str] = "throttle(kb_per_s=...)"

    kb_per_s: int
    direction: Direction = "answers"

    def validate(self) -> None:
        """Raise `FaultError` for a rate that Toxiproxy would die of, or an unknown direction."""
        whole(self, KINDS["bandwidth"]["rate"], kb_per_s=self.kb_per_s)
        known_direction(self)

    def operations(self, context: FaultContext, fault: str) -> tuple[Operation, ...]:
        """One bandwidth toxic a link."""
        return toxics(self, context, "bandwidth", self.direction, rate=self.kb_per_s)
