"""Throttle: the answers to single requests are slow, selected by user, cohort, share or attempt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from testbed.faults.base import RequestFault
from testbed.faults.operations import RATE, Operation, Rule
from testbed.faults.streams import whole
from testbed.faults.target import FaultContext


@dataclass(frozen=True, kw_only=True)
class throttle(RequestFault):
    """Send the body of an answer at `kb_per_s` (kilobytes of 1024 bytes, as Envoy counts); the head is not slower.

    A timeout for the head of the answer does not fire; a timeout that includes the body does. An answer that has begun
    stays slow after healing. For all data of a link use `bandwidth`.

        throttle(kb_per_s=10).on("checkout -> pricing").for_cohort("trondheim")
    """

    twin: ClassVar[str] = "bandwidth(kb_per_s=...)"

    kb_per_s: int

    def validate(self) -> None:
        """Raise `FaultError` unless the rate is a whole number of 1 or more."""
        whole(self, RATE, kb_per_s=self.kb_per_s)

    def operations(self, context: FaultContext, fault: str) -> tuple[Operation, ...]:
        """One rule for all its links."""
        return (Rule(fault, self.inlets(context), kb_per_s=int(self.kb_per_s), scope=self.scope(context)),)
