"""Silent: connections are accepted and nothing ever comes back, as from a hung host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from faults.base import LinkFault, Site, links_of
from faults.latency import STREAMS, Direction
from testbed.edge.operations import Operation, Toxic
from testbed.errors import FaultError


@dataclass(frozen=True, kw_only=True)
class silent(LinkFault):
    """Accept connections and swallow what is sent: callers meet their read time-outs.

    `direction="requests"` (the default) swallows the requests, so that the callee never works in vain;
    `"answers"` lets the callee do its work and swallows its answers. Healing closes every connection of the link
    (the swallowed bytes cannot come back), which callers may see as one more burst of failures.
    """

    twin: ClassVar[str] = "delay(ms=...)"

    direction: Direction = "requests"

    def validate(self) -> None:
        """Raise `FaultError` for an unknown direction."""
        if self.direction not in STREAMS:
            raise FaultError(f"{self}: direction is one of {', '.join(STREAMS)}")

    def operations(self, site: Site, fault: str) -> tuple[Operation, ...]:
        """One timeout toxic without an end on each link."""
        stream = STREAMS[self.direction]
        return tuple(Toxic(link.name, "timeout", stream, {"timeout": 0}) for link in links_of(self, site))
