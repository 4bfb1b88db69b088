"""Packet loss: the kernel loses some of a link's packets, and TCP sends them again."""

from __future__ import annotations

from dataclasses import dataclass

from testbed.faults.operations import Operation
from testbed.faults.packets import PacketFault, a_share, dropped
from testbed.faults.target import FaultContext, links_of


@dataclass(frozen=True, kw_only=True)
class packet_loss(PacketFault):
    """Drop this share of the packets, drawn for each packet: real loss, with retransmissions of TCP.

    Callers see steps in latency (Linux retransmits after 200 ms and more), rarely an error. Opening a connection is
    affected too (a lost SYN is retransmitted after 1 s). Outside `testbed sandbox` the loopback carries up
    to 64 KB in one packet, so the loss of large bodies is approximate.
    """

    percent: float

    def validate(self) -> None:
        """Raise `FaultError` for a bad direction, or unless percent is above 0 and at most 100."""
        super().validate()
        a_share(self, self.percent)

    def operations(self, context: FaultContext, fault: str) -> tuple[Operation, ...]:
        """One drop for each link and direction."""
        return tuple(
            op
            for link in links_of(self.target, context, self)
            for op in dropped(fault, link.name, self.ways, self.percent)
        )
