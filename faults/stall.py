"""Stall: connections are accepted and never answered, as from a hung host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from testbed.faults.base import LinkFault
from testbed.faults.operations import Operation
from testbed.faults.streams import Direction, known_direction, toxics
from testbed.faults.target import FaultContext


@dataclass(frozen=True, kw_only=True)
class stall(LinkFault):
    """Accept connections and drop the data: callers run into their read timeouts.

    `direction="requests"` (the default) drops the requests, so the callee does no work. `"answers"` lets the callee do
    its work and drops its answers. Healing closes every connection of the link (the dropped bytes are lost), which
    callers may see as one more burst of failures.

        stall().on(service="auth")
    """

    twin: ClassVar[str] = "hang()"

    direction: Direction = "requests"

    def validate(self) -> None:
        """Raise `FaultError` for an unknown direction."""
        known_direction(self)

    def operations(self, context: FaultContext, fault: str) -> tuple[Operation, ...]:
        """One endless timeout toxic for each link."""
        return toxics(self, context, "timeout", self.direction, timeout=0)
