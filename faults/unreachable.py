"""Unreachable: the host is off the network; nobody answers, not even to refuse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from testbed.faults.base import LinkFault
from testbed.faults.operations import Blackhole, Operation
from testbed.faults.target import FaultContext, links_of


@dataclass(frozen=True, kw_only=True)
class unreachable(LinkFault):
    """Lose the SYN of every new connection: callers meet their connect time-out, never a refusal.

    Connections that are open are closed (they see the end of the stream, as Toxiproxy cannot keep them without its
    listener); where they should stay open and silent, use `stall()`. Healing answers again, but TCP asks again only
    in its own time: a caller who was waiting gets through with its next SYN, up to a second later (more, the longer it
    has waited; RFC 6298).

        unreachable().on(replica="pricing-1")
    """

    twin: ClassVar[str] = "hang()"

    def operations(self, context: FaultContext, fault: str) -> tuple[Operation, ...]:
        """One address a link that answers nobody."""
        return tuple(Blackhole(link.name) for link in links_of(self.target, context, self))
