"""Only statuses: every request is answered with one of these, and none goes unanswered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from testbed.checks._base import Check, Verdict
from testbed.checks._clues import trail
from testbed.checks._text import count, outcomes, plural
from testbed.checks._view import View
from testbed.errors import CheckError


@dataclass(frozen=True, init=False)
class only_statuses(Check):
    """Every request is answered with one of these HTTP statuses: `only_statuses(200, 404)`. A count."""

    codes: tuple[int, ...]

    def __init__(self, *codes: int, phase: str | None = None) -> None:
        object.__setattr__(self, "codes", codes)
        object.__setattr__(self, "phase", phase)
        self.__post_init__()

    def validate(self) -> None:
        """Raise `CheckError` unless there are HTTP statuses, and nothing but those."""
        if not self.codes:
            raise CheckError("only_statuses(): name at least one status, such as only_statuses(200)")
        for code in self.codes:
            if not isinstance(code, int) or not 100 <= code <= 599:
                raise CheckError(f"{self}: {code!r} is not an HTTP status (100 to 599)")

    @property
    def bound(self) -> str:
        """The bound in words."""
        return "only " + ", ".join(map(str, self.codes))

    @property
    def reaction(self) -> bool:
        """Nothing but errors of the server: a fault made them."""
        return all(code >= 500 for code in self.codes)

    def arguments(self) -> Iterator[str]:
        """Yield the codes."""
        return map(str, self.codes)

    def judge(self, view: View) -> Verdict:
        """Look at every request."""
        others = [request for request in view.requests if request.status not in self.codes]
        observed, n = outcomes(view.requests), len(view.requests)
        if not others:
            return self.verdict(view, "held", observed, n, margin="none other")
        why = f"{plural(len(others), 'request')} of {count(n)} ended otherwise: {outcomes(others)}"
        margin = f"{count(len(others))} other"
        return self.verdict(view, "violated", observed, n, margin=margin, why=why, next=trail(view, others[0]))
