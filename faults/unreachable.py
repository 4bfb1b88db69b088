"""Unreachable: the host is off the network, so connection attempts get no answer at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from testbed.faults.base import LinkFault
from testbed.faults.operations import Blackhole, Operation
from testbed.faults.target import FaultContext, links_of


@dataclass(frozen=True, kw_only=True)
class unreachable(LinkFault):
    """Drop the SYN of every new connection: callers run into their connect timeout and see no refusal.

    Open connections are closed (callers see the end of the stream), because Toxiproxy cannot keep them without its
    listener. To keep them open without answers, use `stall()`. After healing, a waiting caller connects with its next
    SYN retransmission, up to a second later (longer after a long wait; RFC 6298).

        unreachable().on(replica="pricing-1")
    """

    twin: ClassVar[str] = "hang()"

    def operations(self, context: FaultContext, fault: str) -> tuple[Operation, ...]:
        """One blackhole for each link."""
        return tuple(Blackhole(link.name) for link in links_of(self.target, context, self))
