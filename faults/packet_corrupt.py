"""Packet corrupt: some packets get a wrong bit, and the checksum of TCP detects it."""

from __future__ import annotations

from dataclasses import dataclass

from testbed.faults.packets import ShapedPackets, a_share


@dataclass(frozen=True, kw_only=True)
class packet_corrupt(ShapedPackets):
    """Flip a random bit in this share of the packets; the receiver drops packets with a wrong checksum."""

    percent: float

    def validate(self) -> None:
        """Raise `FaultError` for a bad direction, or unless percent is above 0 and at most 100."""
        super().validate()
        a_share(self, self.percent)

    def netem_args(self) -> tuple[str, ...]:
        """Return the arguments of netem."""
        return ("corrupt", f"{self.percent:g}%")
