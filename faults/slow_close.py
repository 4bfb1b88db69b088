"""Slow close: the end of a connection arrives late."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from testbed.faults.base import LinkFault
from testbed.faults.operations import Operation
from testbed.faults.streams import Direction, known_direction, toxics, whole
from testbed.faults.target import FaultContext
from testbed.faults.toxics import KINDS


@dataclass(frozen=True, kw_only=True)
class slow_close(LinkFault):
    """Delay the end of a connection by `ms` (whole milliseconds, at most an hour); data is not slower.

    `direction="answers"` (the default): the caller sees later that the callee has closed, and waits longer for the
    end of an answer without a length. `"requests"`: the callee sees later that the caller has closed. Connections that
    stay open, as in the pool of a proxy, are not affected.

        slow_close(ms=500).on("checkout -> pricing")
    """

    twin: ClassVar[str] = "delay(ms=...)"

    ms: float
    direction: Direction = "answers"

    def validate(self) -> None:
        """Raise `FaultError` unless `ms` is whole milliseconds above zero, and the direction known."""
        whole(self, KINDS["slow_close"]["delay"], ms=self.ms)
        known_direction(self)

    def operations(self, context: FaultContext, fault: str) -> tuple[Operation, ...]:
        """One slow_close toxic for each link."""
        return toxics(self, context, "slow_close", self.direction, delay=self.ms)
