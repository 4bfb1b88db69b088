"""Abort: single requests are answered with an error status, and the callee never sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from faults.base import RequestFault
from faults.target import Site
from testbed.edge.operations import Operation, Rule
from testbed.errors import FaultError


@dataclass(frozen=True)
class abort(RequestFault):
    """Answer with `status` (200 to 599, as Envoy's fault filter takes it) in the callee's place.

    abort(503).on("checkout -> pricing").for_attempts(1)
    """

    twin: ClassVar[str] = "refused()"

    status: int = 503

    def validate(self) -> None:
        """Raise `FaultError` unless the status is one that HTTP and the fault filter know."""
        if not isinstance(self.status, int) or not 200 <= self.status <= 599:
            raise FaultError(f"{self}: status is an HTTP status from 200 to 599")

    def operations(self, site: Site, fault: str) -> tuple[Operation, ...]:
        """One rule for all its links."""
        return (Rule(fault, self.inlets(site), abort=self.status, scope=self.scope(site)),)
