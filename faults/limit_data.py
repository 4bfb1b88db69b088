"""Limit data: a connection ends in the middle of its data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from testbed.faults.base import LinkFault
from testbed.faults.operations import Operation
from testbed.faults.streams import Direction, known_direction, toxics, whole
from testbed.faults.target import FaultContext
from testbed.faults.toxics import KINDS


@dataclass(frozen=True, kw_only=True)
class limit_data(LinkFault):
    """Close every connection once it has carried `bytes` (counted from the injection on, head and body alike).

    A longer answer breaks off in its body, after status 200; with few bytes, in its head. The callee has done its work.
    Several small answers may pass first, because the count is for the connection and not for the answer.
    `direction="requests"` counts the data from callers instead.

        limit_data(bytes=1000).on("checkout -> pricing")
    """

    twin: ClassVar[str] = "abort(503)"

    bytes: int
    direction: Direction = "answers"

    def validate(self) -> None:
        """Raise `FaultError` unless `bytes` is a whole number of zero or more, and the direction known."""
        whole(self, KINDS["limit_data"]["bytes"], bytes=self.bytes)
        known_direction(self)

    def operations(self, context: FaultContext, fault: str) -> tuple[Operation, ...]:
        """One limit_data toxic for each link."""
        return toxics(self, context, "limit_data", self.direction, bytes=self.bytes)
