"""Packet duplicate: some packets arrive twice, and TCP drops the copies."""

from __future__ import annotations

from dataclasses import dataclass

from testbed.faults.packets import ShapedPackets, a_share


@dataclass(frozen=True, kw_only=True)
class packet_duplicate(ShapedPackets):
    """Deliver this share of the packets twice."""

    percent: float

    def validate(self) -> None:
        """Raise `FaultError` for a bad direction, or unless percent is above 0 and at most 100."""
        super().validate()
        a_share(self, self.percent)

    def netem_args(self) -> tuple[str, ...]:
        """Return the arguments of netem."""
        return ("duplicate", f"{self.percent:g}%")
