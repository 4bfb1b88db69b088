"""Abort: single requests are answered with an error status, and the callee never sees them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from testbed.errors import FaultError
from testbed.faults.base import RequestFault
from testbed.faults.operations import Operation, Rule
from testbed.faults.target import FaultContext, links_of
from testbed.spec.grpc_status import as_http, nearest_to, number


@dataclass(frozen=True)
class abort(RequestFault):
    """Answer with `status` (200 to 599, as Envoy's fault filter takes it; 503 unless given) in the callee's place.

    On an edge that carries gRPC, `grpc_status` says with which of gRPC's statuses, by its name; the answer is then what
    gRPC calls trailers-only: HTTP 200, that status, and no message.

        abort(503).on("checkout -> pricing").for_attempts(1)
        abort(grpc_status="UNAVAILABLE").on("checkout -> stock")
    """

    twin: ClassVar[str] = "connection_refused()"

    status: int = 503
    grpc_status: str | None = field(default=None, kw_only=True)

    def validate(self) -> None:
        """Raise `FaultError` unless there is one status that its protocol and the fault filter know."""
        if not isinstance(self.status, int) or not 200 <= self.status <= 599:
            raise FaultError(f"{self}: status is an HTTP status from 200 to 599")
        if self.grpc_status is None:
            return
        if self.status != 503:
            raise FaultError(f"{self}: an answer has either an HTTP status or a gRPC status")
        try:
            fine = number(self.grpc_status) > 0
        except ValueError as problem:
            raise FaultError(f"{self}: {problem}") from None
        if not fine:
            raise FaultError(f"{self}: OK is no failure, so nothing would be aborted")

    def operations(self, context: FaultContext, fault: str) -> tuple[Operation, ...]:
        """One rule for all its links."""
        inlets, scope = self.inlets(context), self.scope(context)
        self._fits_protocol(context)
        if self.grpc_status is not None:
            return (Rule(fault, inlets, scope=scope, grpc_status=number(self.grpc_status)),)
        return (Rule(fault, inlets, abort=self.status, scope=scope),)

    def _fits_protocol(self, context: FaultContext) -> None:
        """Raise `FaultError` for a status that callers on these edges cannot be given."""
        for link in links_of(self.target, context, self):
            if link.protocol == "grpc" and self.grpc_status is None:
                there = f"{link.edge} carries gRPC, whose callers go by the gRPC status and not by {self.status}"
                raise FaultError(f'{self}: {there}. Use abort(grpc_status="{nearest_to(self.status)}")')
            if link.protocol != "grpc" and self.grpc_status is not None:
                there = f"{link.edge} carries {link.protocol}, whose answers have no gRPC status"
                raise FaultError(f"{self}: {there}. Use abort({as_http(number(self.grpc_status))})")
