"""Maximum latency: no request takes longer than a bound."""

from __future__ import annotations

import math
from dataclasses import dataclass

from testbed.checks.judging.base import Verdict
from testbed.checks.judging.duration_bound import DurationBound
from testbed.checks.judging.explain import request_trace
from testbed.checks.judging.formatting import count, ms, plural
from testbed.checks.judging.reach import longest_request_ms, too_far
from testbed.checks.judging.view import View, latency


@dataclass(frozen=True)
class max_latency(DurationBound):
    """Every request is answered in less than `under_ms`, from its intended send time.

    No answer counts as infinitely slow. A count: it judges each request without statistics, so it is good for small
    cohorts.
    """

    def bounds_latency(self) -> bool:
        """Always."""
        return True

    def unbreakable(self, view: View) -> str:
        """Return why no request can take that long: the policies cut off all calls of the entry much earlier."""
        return too_far(self._limit, longest_request_ms(view), "every request")

    def judge(self, view: View) -> Verdict:
        """Compare the slowest request with the bound."""
        worst = max(view.requests, key=latency)
        took, n = latency(worst), len(view.requests)
        if took < self._limit:
            return self.verdict(view, "held", ms(took), n, margin=f"{ms(self._limit - took)} to spare")
        over = [request for request in view.requests if latency(request) >= self._limit]
        unanswered = sum(1 for request in over if not request.answered)
        why = f"{plural(len(over), 'request')} of {count(n)} took {ms(self._limit)} or more"
        why += f", {count(unanswered)} of them without an answer" if unanswered else ""
        margin = f"{ms(took - self._limit)} over" if took < math.inf else "no answer"
        return self.verdict(view, "violated", ms(took), n, margin=margin, why=why, next=request_trace(view, worst))
