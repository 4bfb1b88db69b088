"""Connection reset: connections break when the answer comes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from testbed.faults.base import LinkFault
from testbed.faults.operations import Operation
from testbed.faults.streams import toxics
from testbed.faults.target import FaultContext


@dataclass(frozen=True, kw_only=True)
class connection_reset(LinkFault):
    """Break every connection when its first answer comes: the callee has done its work, the caller gets no answer.

    Connections opened after the injection get a TCP RST; older connections get the end of the stream
    (Toxiproxy sets the linger option when a connection starts).

        connection_reset().on("checkout -> pricing")
    """

    twin: ClassVar[str] = "abort(503)"

    def operations(self, context: FaultContext, fault: str) -> tuple[Operation, ...]:
        """One reset_peer toxic for each link."""
        return toxics(self, context, "reset_peer", "answers", timeout=0)
