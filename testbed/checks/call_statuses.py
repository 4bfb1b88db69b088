"""Call statuses: every call on an edge ended with one of these statuses, of HTTP or of gRPC."""

from __future__ import annotations

from dataclasses import dataclass, field

from testbed.checks.judging import validation
from testbed.checks.judging.base import EdgeCheck, Verdict
from testbed.checks.judging.call_times import timed_calls
from testbed.checks.judging.explain import answer, request_trace
from testbed.checks.judging.formatting import count, plural, tally
from testbed.checks.judging.validity import observer_of
from testbed.checks.judging.view import View
from testbed.errors import CheckError
from testbed.history.events import Call, Request
from testbed.history.facts import of_the_load
from testbed.history.index import Index
from testbed.spec.grpc_status import NAMES, name_of


@dataclass(frozen=True)
class call_statuses(EdgeCheck):
    """Every call on an edge ended with one of these statuses, after all its attempts. A count.

    `call_statuses("checkout -> stock", grpc_status=("OK", "UNAVAILABLE"))`, or `status=200` on an edge that carries
    HTTP. On "client -> entry" the calls are the load's requests.
    """

    status: int | tuple[int, ...] | None = field(default=None, kw_only=True)
    grpc_status: str | tuple[str, ...] | None = field(default=None, kw_only=True)

    def validate(self) -> None:
        """Raise `CheckError` unless there are statuses of exactly one protocol."""
        if (self.status is None) == (self.grpc_status is None):
            raise CheckError(f"{self}: give status= (HTTP) or grpc_status=, one of the two")
        if not self._grpc and not self._http:
            raise CheckError(f"{self}: name at least one status")
        if set(self._grpc) >= set(range(len(NAMES))):
            raise CheckError(f"{self}: every gRPC status is allowed, so this would always hold")
        for code in self._http:
            if not isinstance(code, int) or not 100 <= code <= 599:
                raise CheckError(f"{self}: {code!r} is not an HTTP status (100 to 599)")

    def fits(self, index: Index) -> None:
        """Raise `CheckError` for an unknown edge, and for an edge of the other protocol."""
        super().fits(index)
        validation.carries(str(self), index, self.edge, grpc=bool(self._grpc))

    @property
    def _grpc(self) -> tuple[int, ...]:
        return validation.grpc_statuses(str(self), self.grpc_status)

    @property
    def _http(self) -> tuple[int, ...]:
        return self.status if isinstance(self.status, tuple) else () if self.status is None else (self.status,)

    @property
    def bound(self) -> str:
        """The bound in words."""
        return f"only {self._statuses}"

    @property
    def _statuses(self) -> str:
        return ", ".join([*map(str, self._http), *map(name_of, self._grpc)])

    @property
    def reaction(self) -> bool:
        """Whether all statuses are errors: then a fault is the cause."""
        return 0 not in self._grpc if self._grpc else all(code >= 500 for code in self._http)

    def needs(self, view: View) -> tuple[str, ...]:
        """Return requests, and calls unless the load is the caller."""
        return ("requests",) if of_the_load(self.edge) else ("requests", "calls")

    def judge(self, view: View) -> Verdict:
        """Look at every call."""
        calls = [call for _, call in timed_calls(view, self.edge)]
        source = observer_of(view.index, self.needs(view)[-1])
        others = [call for call in calls if not self._as_expected(call)]
        observed, n = tally([answer(call) for call in calls]) or "no call", len(calls)
        if not calls:
            why = f"0 of {plural(len(view.requests), 'request')} used {self.edge} (at least 1 needed)"
            clue = "does a path of the load use this edge?"
            return self.verdict(view, "inconclusive", observed, 0, source=source, why=why, next=clue)
        if not others:
            return self.verdict(view, "held", observed, n, source=source, margin=f"all {self._statuses}")
        ended = tally([answer(call) for call in others])
        why = f"{plural(len(others), 'call')} of {count(n)} ended with another status: {ended}"
        clue = self._clue(view, max(others, key=lambda call: not call.answered))
        margin = f"{count(len(others))} {'not ' if ',' in self._statuses else 'non-'}{self._statuses}"
        return self.verdict(view, "violated", observed, n, source=source, margin=margin, why=why, next=clue)

    def _clue(self, view: View, worst: Call | Request) -> str:
        """Return the request of the worst call, with the attempts of that call first."""
        if isinstance(worst, Request):
            return request_trace(view, worst)
        tries = [hop for hop in view.attempts(self.edge) if hop.request == worst.request and hop.call == worst.call]
        return request_trace(view, next(one for one in view.requests if one.id == worst.request), tries)

    def _as_expected(self, call: Call | Request) -> bool:
        if self._grpc:
            return call.whole and call.grpc_status in self._grpc
        return call.grpc_status is None and call.has_status(*self._http)
