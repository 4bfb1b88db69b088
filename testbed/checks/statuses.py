"""Statuses: every request is answered, and with one of these statuses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from testbed.checks.judging.base import Check, Verdict
from testbed.checks.judging.explain import request_trace, worst
from testbed.checks.judging.formatting import count, outcomes, plural
from testbed.checks.judging.view import View
from testbed.errors import CheckError
from testbed.history.events import Request
from testbed.history.index import Index
from testbed.spec.edges import CLIENT
from testbed.spec.grpc_status import name_of, number


@dataclass(frozen=True, init=False)
class statuses(Check):
    """Every request is answered with one of these statuses: `statuses(200, 404)`. A count.

    If the entry speaks gRPC, use names: `statuses("OK", "UNAVAILABLE")`. A number then means every gRPC status
    that corresponds to this HTTP status (200 is OK, 503 is UNAVAILABLE).
    """

    codes: tuple[int | str, ...]

    def __init__(self, *codes: int | str, phase: str | None = None) -> None:
        object.__setattr__(self, "codes", codes)
        object.__setattr__(self, "phase", phase)
        self.__post_init__()

    def validate(self) -> None:
        """Raise `CheckError` unless all codes are HTTP statuses or names of gRPC statuses."""
        if not self.codes:
            raise CheckError(f"{self}: name at least one status, such as {self.written}(200)")
        for code in self.codes:
            if isinstance(code, str):
                self._check_name(code)
            elif not isinstance(code, int) or not 100 <= code <= 599:
                raise CheckError(f"{self}: {code!r} is not an HTTP status (100 to 599)")

    def _check_name(self, name: str) -> None:
        try:
            number(name)
        except ValueError as problem:
            raise CheckError(f"{self}: {name!r} is not an HTTP status (100 to 599), and {problem}") from None

    def fits(self, index: Index) -> None:
        """Raise `CheckError` for the name of a gRPC status if the load does not speak gRPC."""
        names = [code for code in self.codes if isinstance(code, str)]
        protocol = index.facts.protocols.get(f"{CLIENT} -> {index.facts.entry}", "")
        if names and protocol not in ("", "grpc"):
            raise CheckError(f"{self}: the entry speaks {protocol}, which has no gRPC status; use 200")

    @property
    def bound(self) -> str:
        """The bound in words."""
        return f"only {self._names}"

    @property
    def _names(self) -> str:
        return ", ".join(map(str, self.codes))

    @property
    def reaction(self) -> bool:
        """Whether all statuses are server errors: then a fault is the cause."""
        return all(code != "OK" if isinstance(code, str) else code >= 500 for code in self.codes)

    def arguments(self) -> Iterator[str]:
        """Yield the codes."""
        return map(repr, self.codes)

    def judge(self, view: View) -> Verdict:
        """Look at every request."""
        others = [request for request in view.requests if not self._as_expected(request)]
        observed, n = outcomes(view.requests), len(view.requests)
        if not others:
            return self.verdict(view, "held", observed, n, margin=f"all {self._names}")
        why = f"{plural(len(others), 'request')} of {count(n)} ended with another status: {outcomes(others)}"
        margin = f"{count(len(others))} {'non-' if len(self.codes) == 1 else 'not '}{self._names}"
        return self.verdict(
            view, "violated", observed, n, margin=margin, why=why, next=request_trace(view, worst(others))
        )

    def _as_expected(self, request: Request) -> bool:
        name = None if request.grpc_status is None else name_of(request.grpc_status)
        return request.whole and (request.as_http in self.codes or name in self.codes)
