"""Abort: single requests get an error status, and the callee never sees them."""

from __future__ import annotations

from dataclasses import Field, dataclass, field
from typing import Any, ClassVar

from testbed.errors import FaultError
from testbed.faults.base import RequestFault
from testbed.faults.operations import Operation, Rule
from testbed.faults.target import FaultContext, links_of
from testbed.spec.grpc_status import as_http, nearest_to, number


@dataclass(frozen=True)
class abort(RequestFault):
    """Answer with `status` (200 to 599, default 503) in the place of the callee.

    On an edge that carries gRPC, give `grpc_status` by its name. The answer is then trailers-only: HTTP 200, this gRPC
    status, and no message.

        abort(503).on("checkout -> pricing").for_attempts(1)
        abort(grpc_status="UNAVAILABLE").on("checkout -> stock")
    """

    twin: ClassVar[str] = "connection_refused()"

    status: int = 503
    grpc_status: str | None = field(default=None, kw_only=True)

    def _is_written(self, one: Field[Any]) -> bool:
        return super()._is_written(one) and not (one.name == "status" and self.grpc_status is not None)

    def validate(self) -> None:
        """Raise `FaultError` unless there is exactly one valid status."""
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
        """Raise `FaultError` for a status of the wrong protocol."""
        for link in links_of(self.target, context, self):
            if link.protocol == "grpc" and self.grpc_status is None:
                there = f"{link.edge} carries gRPC, where callers read the gRPC status and not {self.status}"
                raise FaultError(f'{self}: {there}. Use abort(grpc_status="{nearest_to(self.status)}")')
            if link.protocol != "grpc" and self.grpc_status is not None:
                there = f"{link.edge} carries {link.protocol}, which has no gRPC status"
                raise FaultError(f"{self}: {there}. Use abort({as_http(number(self.grpc_status))})")
