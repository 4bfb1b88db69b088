"""Call duration: not one call on an edge lasts longer than a bound, even if the callee does not answer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from testbed.checks.judging.base import EdgeCheck, Verdict
from testbed.checks.judging.call_times import timed_calls
from testbed.checks.judging.duration_bound import DurationBound
from testbed.checks.judging.explain import hop_text, request_trace
from testbed.checks.judging.formatting import count, ms, plural
from testbed.checks.judging.reach import longest_call_ms, too_far
from testbed.checks.judging.validity import observer_of
from testbed.checks.judging.view import View
from testbed.history.events import Call, Request
from testbed.history.facts import of_the_load


@dataclass(frozen=True)
class call_duration(DurationBound, EdgeCheck):
    """The longest call on an edge, with all its attempts, ends in less than `under_ms`, with any result.

    On "client -> entry" the calls are the load's requests, from their intended send time.
    """

    def needs(self, view: View) -> tuple[str, ...]:
        """Return requests, and calls unless the load is the caller."""
        return ("requests",) if of_the_load(self.edge) else ("requests", "calls")

    def bounds_latency(self) -> bool:
        """Return whether the load is the caller: a proxy timed the other calls."""
        return of_the_load(self.edge)

    def unbreakable(self, view: View) -> str:
        """Return why no call can take that long: the policy's timeout ends it much earlier."""
        return too_far(self._limit, longest_call_ms(view, self.edge), f"every call on {self.edge}")

    def judge(self, view: View) -> Verdict:
        """Compare the longest call with the bound."""
        calls = timed_calls(view, self.edge)
        source = observer_of(view.index, "requests" if of_the_load(self.edge) else "calls")
        if not calls:
            why = f"0 of {plural(len(view.requests), 'request')} made a call on {self.edge} (at least 1 needed)"
            return self.verdict(
                view, "inconclusive", "no call", 0, source=source, why=why, next="the paths of the load"
            )
        longest, slow = max(calls, key=lambda one: one[0])
        say = partial(self.verdict, view, observed=ms(longest), n=len(calls), source=source)
        if longest < self._limit:
            return say("held", margin=f"{ms(self._limit - longest)} to spare")
        over = sum(1 for lasted, _ in calls if lasted >= self._limit)
        why = f"{plural(over, 'call')} of {count(len(calls))} lasted {ms(self._limit)} or more"
        return say("violated", margin=f"{ms(longest - self._limit)} over", why=why, next=self._clue(view, slow))

    def _clue(self, view: View, slow: Request | Call) -> str:
        if isinstance(slow, Request):
            return request_trace(view, slow)
        request = next(request for request in view.requests if request.id == slow.request)
        return f"the call {hop_text(slow)}\n{request_trace(view, request)}"
