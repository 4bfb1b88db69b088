"""Slicer: data arrives in many small pieces, as over a line with very small packets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from testbed.errors import FaultError
from testbed.faults.base import LinkFault, not_negative
from testbed.faults.operations import Operation
from testbed.faults.streams import Direction, known_direction, toxics, whole
from testbed.faults.target import FaultContext
from testbed.faults.toxics import KINDS

_TAKES = KINDS["slicer"]


@dataclass(frozen=True, kw_only=True)
class slicer(LinkFault):
    """Cut the data into pieces of `bytes`, give or take `variation_bytes`, and wait `pause_ms` after each.

    No byte is lost or changed. It finds callers that treat one read as one message. With a pause it also finds timeouts
    that count from byte to byte instead of over the whole answer: such a timeout never fires.
    `pause_ms` may be a fraction (Toxiproxy counts microseconds), at most a minute.

        slicer(bytes=64, pause_ms=20).on("checkout -> pricing")
    """

    twin: ClassVar[str] = "throttle(kb_per_s=...)"

    bytes: int
    variation_bytes: int = 0
    pause_ms: float = 0
    direction: Direction = "answers"

    def validate(self) -> None:
        """Raise `FaultError` for pieces that crash Toxiproxy, a negative or endless pause, or a wrong direction."""
        whole(self, _TAKES["average_size"], bytes=self.bytes)
        whole(self, _TAKES["size_variation"], variation_bytes=self.variation_bytes)
        not_negative(self, pause_ms=self.pause_ms)
        if self.variation_bytes >= self.bytes:
            raise FaultError(f"{self}: variation_bytes must be below bytes, or a piece could be empty")
        if self._pause_us > _TAKES["delay"].high:
            raise FaultError(f"{self}: pause_ms is at most a minute")
        known_direction(self)

    def operations(self, context: FaultContext, fault: str) -> tuple[Operation, ...]:
        """One slicer toxic for each link."""
        sizes = {"average_size": self.bytes, "size_variation": self.variation_bytes}
        return toxics(self, context, "slicer", self.direction, **sizes, delay=self._pause_us)

    @property
    def _pause_us(self) -> int:
        return round(self.pause_ms * 1000)
