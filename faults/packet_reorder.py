"""Packet reorder: some packets overtake others, which TCP first treats as loss."""

from __future__ import annotations

from dataclasses import dataclass

from testbed.faults.base import positive
from testbed.faults.packets import ShapedPackets, a_share


@dataclass(frozen=True, kw_only=True)
class packet_reorder(ShapedPackets):
    """Hold every packet for `ms`, except this share, which is sent at once and overtakes the others."""

    percent: float
    ms: float = 10

    def validate(self) -> None:
        """Raise `FaultError` for a bad direction or percentage, or a time that is not above zero."""
        super().validate()
        a_share(self, self.percent)
        positive(self, ms=self.ms)

    def netem_args(self) -> tuple[str, ...]:
        """Return the arguments of netem."""
        return ("delay", f"{self.ms:g}ms", "reorder", f"{self.percent:g}%")
