"""Latency: all data on a link takes longer, as between two distant sites."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from testbed.errors import FaultError
from testbed.faults.base import LinkFault, not_negative, positive
from testbed.faults.operations import Operation
from testbed.faults.streams import Direction, known_direction, toxics
from testbed.faults.target import FaultContext


@dataclass(frozen=True, kw_only=True)
class latency(LinkFault):
    """Add `ms` to every answer on a link (one way; a round trip grows by `ms`).

    `jitter_ms` spreads it evenly over [ms - jitter_ms, ms + jitter_ms]. Opening a connection is not slower, because
    Toxiproxy accepts it before the delay. Data keeps its order. Whole milliseconds, at most an hour.

        latency(ms=100, jitter_ms=20).on("checkout -> pricing")
    """

    twin: ClassVar[str] = "delay(ms=...)"

    ms: float
    jitter_ms: float = 0
    direction: Direction = "answers"

    def validate(self) -> None:
        """Raise `FaultError` for a negative time, a jitter above `ms` or an unknown direction."""
        positive(self, ms=self.ms)
        not_negative(self, jitter_ms=self.jitter_ms)
        if self.jitter_ms > self.ms:
            raise FaultError(f"{self}: jitter_ms must not be above ms, or a delay could be negative")
        if max(self.ms, self.jitter_ms) > 3_600_000 or self.ms % 1 or self.jitter_ms % 1:
            raise FaultError(f"{self}: ms and jitter_ms are whole milliseconds, at most an hour")
        known_direction(self)

    def operations(self, context: FaultContext, fault: str) -> tuple[Operation, ...]:
        """One latency toxic for each link."""
        return toxics(self, context, "latency", self.direction, latency=self.ms, jitter=self.jitter_ms)
