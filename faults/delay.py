"""Delay: single requests take longer, chosen by user, cohort, share or attempt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from testbed.errors import FaultError
from testbed.faults.base import RequestFault, positive
from testbed.faults.operations import Operation, Rule
from testbed.faults.target import FaultContext


@dataclass(frozen=True, kw_only=True)
class delay(RequestFault):
    """Hold a request at the inlet for `ms` before the callee sees it (whole milliseconds, at most an hour).

    delay(ms=800).on("checkout -> pricing").for_cohort("trondheim")
    """

    twin: ClassVar[str] = "latency(ms=...)"

    ms: float

    def validate(self) -> None:
        """Raise `FaultError` unless `ms` is a whole number of milliseconds above zero."""
        positive(self, ms=self.ms)
        if self.ms > 3_600_000 or self.ms % 1:
            raise FaultError(f"{self}: ms is whole milliseconds, at most an hour")

    def operations(self, context: FaultContext, fault: str) -> tuple[Operation, ...]:
        """One rule for all its links."""
        return (Rule(fault, self.inlets(context), delay_ms=self.ms, scope=self.scope(context)),)
