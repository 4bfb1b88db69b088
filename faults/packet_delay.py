"""Packet delay: every packet takes longer, also packets that open a connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from testbed.errors import FaultError, nearest
from testbed.faults.base import not_negative, positive
from testbed.faults.packets import ShapedPackets

SHAPES = ("uniform", "normal", "pareto", "paretonormal")


@dataclass(frozen=True, kw_only=True)
class packet_delay(ShapedPackets):
    """Delay each packet by `ms`, give or take `jitter_ms`, with this `distribution` (tables of iproute2).

    Unlike `latency` it also delays the SYN, and it acts in each direction: a round trip grows by 2 x `ms` with both.
    """

    ms: float
    jitter_ms: float = 0
    distribution: Literal["uniform", "normal", "pareto", "paretonormal"] = "normal"

    def validate(self) -> None:
        """Raise `FaultError` for a bad direction, a negative time, or an unknown distribution."""
        super().validate()
        positive(self, ms=self.ms)
        not_negative(self, jitter_ms=self.jitter_ms)
        if self.distribution not in SHAPES:
            hint = nearest(self.distribution, SHAPES)
            raise FaultError(f"{self}: there is no distribution {self.distribution!r}{hint}")

    def netem_args(self) -> tuple[str, ...]:
        """Return the arguments of netem; without a table it uses a uniform distribution."""
        spread = () if not self.jitter_ms else (f"{self.jitter_ms:g}ms",)
        table = () if not spread or self.distribution == "uniform" else ("distribution", self.distribution)
        return ("delay", f"{self.ms:g}ms", *spread, *table)
