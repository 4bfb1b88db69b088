"""Bandwidth: a slow line, where large answers take longer and small ones do not."""

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
    """Limit each connection to `kb_per_s` kilobytes (of 1000 bytes) a second.

    `direction="answers"` (the default) slows down answers, `"requests"` slows down requests. Opening a connection is
    not slower, and a message of a few kilobytes is not either. A whole number from 1 on; for a line without any
    throughput use `stall()`. Healing sends the held data at once.

        bandwidth(kb_per_s=64).on("checkout -> pricing")
    """

    twin: ClassVar[str] = "throttle(kb_per_s=...)"

    kb_per_s: int
    direction: Direction = "answers"

    def validate(self) -> None:
        """Raise `FaultError` for a rate that crashes Toxiproxy, or an unknown direction."""
        whole(self, KINDS["bandwidth"]["rate"], kb_per_s=self.kb_per_s)
        known_direction(self)

    def operations(self, context: FaultContext, fault: str) -> tuple[Operation, ...]:
        """One bandwidth toxic for each link."""
        return toxics(self, context, "bandwidth", self.direction, rate=self.kb_per_s)
