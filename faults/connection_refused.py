"""Connection refused: no process listens, so a connection attempt gets a RST."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from testbed.faults.base import LinkFault
from testbed.faults.operations import LinkDown, Operation
from testbed.faults.target import FaultContext, links_of


@dataclass(frozen=True, kw_only=True)
class connection_refused(LinkFault):
    """Refuse new connections and close open ones (callers see the end of the stream).

    connection_refused().on("checkout -> pricing")
    """

    twin: ClassVar[str] = "abort(503)"

    def operations(self, context: FaultContext, fault: str) -> tuple[Operation, ...]:
        """Close each link."""
        return tuple(LinkDown(link.name) for link in links_of(self.target, context, self))
