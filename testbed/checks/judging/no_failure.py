"""What a claim that counts from the end of a fault says of the time before it: no request fails."""

from __future__ import annotations

from dataclasses import dataclass

from testbed.checks.judging.base import Check, Verdict
from testbed.checks.judging.formatting import count, outcomes, plural
from testbed.checks.judging.view import View


@dataclass(frozen=True)
class NoFailure(Check):
    """No request fails. It is asked of the steady state only; users write `contained` or `statuses`."""

    @property
    def bound(self) -> str:
        """The bound in words."""
        return "0 failures"

    def judge(self, view: View) -> Verdict:
        """Look at every request."""
        failed = [request for request in view.requests if not request.ok]
        n = len(view.requests)
        observed = f"{count(len(failed))} of {plural(n, 'request')} failed" + (f" ({outcomes(failed)})" * bool(failed))
        return self.verdict(view, "violated" if failed else "held", observed, n)
