"""Bulkhead: while one dependency fails, its caller still calls the others at the same rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from testbed.checks.judging import statistics, validation
from testbed.checks.judging.base import EdgeCheck, Verdict
from testbed.checks.judging.explain import answer, hop_text, more_load
from testbed.checks.judging.findings import Finding, combine
from testbed.checks.judging.formatting import count, percent, plural, tally, trim
from testbed.checks.judging.validity import observer_of
from testbed.checks.judging.view import View
from testbed.errors import CheckError
from testbed.history.events import Call
from testbed.history.index import Index
from testbed.spec.edges import Edge


@dataclass(frozen=True)
class bulkhead(EdgeCheck):
    """While this dependency fails, the caller's other edges keep this share of their rate, with the same statuses.

    The check compares every other edge of the same caller with the baseline: calls per request that began in the phase
    (or up to `grace_s` later) and got a status that occurs in the baseline. It leaves out edges that the baseline does
    not use (a fallback) and tcp edges. Exact at 100 %, else by Clopper-Pearson bounds at 95 % confidence. A call that
    is later, because the caller's threads or connections were blocked, does not count.
    """

    keeps_percent: float = field(default=95, kw_only=True)
    grace_s: float = field(default=0.5, kw_only=True)

    takes_tcp: ClassVar[bool] = True  # because the other edges are judged
    slack: ClassVar[tuple[str, ...]] = ("grace_s",)

    def validate(self) -> None:
        """Raise `CheckError` unless the percentage is above 0 and at most 100, and the grace above 0."""
        validation.positive(str(self), grace_s=self.grace_s)
        validation.percentage(str(self), keeps_percent=self.keeps_percent)

    def fits(self, index: Index) -> None:
        """Raise `CheckError` for an unknown edge, a caller with no other dependency, or a run without baseline."""
        super().fits(index)
        if not self._others(index):
            caller = Edge.parse(self.edge).caller
            tcp = " except over tcp, where calls are not recorded" if self._siblings(index) else ""
            raise CheckError(f"{self}: {caller} has no other dependency{tcp}, so there is nothing to isolate")
        if "baseline" not in index.by_phase:
            raise CheckError(f'{self}: this run has no phase "baseline" to compare with')

    @property
    def bound(self) -> str:
        """The bound in words."""
        return f">= {trim(f'{self.keeps_percent:.6f}')} % on the other edges"

    def views(self, view: View) -> tuple[View, ...]:
        """Return the view and its baseline."""
        return (view, view.baseline)

    def needs(self, view: View) -> tuple[str, ...]:
        """Return calls, on every edge of the caller."""
        return ("requests", "calls")

    def judge(self, view: View) -> Verdict:
        """Compare each other edge with its own baseline."""
        source = observer_of(view.index, "calls")
        if view.faults and not any(self.edge in fault.edges for fault in view.faults):
            why = f"no fault of {view.window.name} is on {self.edge}, so there was no failure to isolate"
            return self.verdict(view, "inconclusive", "", 0, source=source, why=why, next="a fault .on() this edge")
        used = [edge for edge in self._others(view.index) if self._in_time(view.baseline, edge)]
        if not used:
            why = "the caller used no other dependency in the baseline (at least 1 call needed)"
            return self.verdict(
                view, "inconclusive", "no call", 0, source=source, why=why, next="the paths of the load"
            )
        n = sum(len(view.calls(edge)) for edge in used)
        return combine(self, view, [self._finding(view, edge) for edge in used], n, source)

    def _others(self, index: Index) -> list[str]:
        return [edge for edge in self._siblings(index) if not index.facts.is_tcp(edge)]

    def _siblings(self, index: Index) -> list[str]:
        caller = Edge.parse(self.edge).caller
        return [edge for edge in index.edges if edge != self.edge and Edge.parse(edge).caller == caller]

    def _finding(self, view: View, edge: str) -> Finding:
        before, now = self._in_time(view.baseline, edge), self._in_time(view, edge)
        usual = {call.as_http for call in before if call.whole}
        expected = round(len(before) / len(view.baseline.requests) * len(view.requests))
        kept = min(sum(1 for call in now if call.has_status(*usual)), expected)
        observed = f"{edge}: {count(kept)} of {count(expected)} ({percent(kept / max(expected, 1))})"
        lower, upper = self._bounds(kept, max(expected, 1))
        if lower >= self._share:
            return Finding("held", observed)
        odd = [call for call in now if not call.has_status(*usual)]
        late = len(view.calls(edge)) - len(now)
        why = f"{edge} kept {percent(kept / max(expected, 1))} of its rate: {plural(len(now), 'call')} in time"
        why += f", {count(late)} later" + (f", other statuses: {tally([answer(call) for call in odd])}" if odd else "")
        if upper < self._share:
            # with all calls in time nothing was blocked: these calls failed by themselves
            blocked = late > 0 or len(now) < expected or not odd
            clue = "what the dependencies share: threads, connections" if blocked else hop_text(odd[0])
            return Finding("violated", observed, why, clue, late > 0)
        needed = statistics.enough_requests(expected - kept, self._share)
        return Finding("inconclusive", observed, f"{why}; {count(needed)} calls needed", more_load(view, needed))

    @property
    def _share(self) -> float:
        return self.keeps_percent / 100

    def _bounds(self, kept: int, expected: int) -> tuple[float, float]:
        if self._share == 1:
            return kept / expected, kept / expected
        return statistics.share_lower(kept, expected), statistics.share_upper(kept, expected)

    def _in_time(self, view: View, edge: str) -> Sequence[Call]:
        return [call for call in view.calls(edge) if call.start < view.window.end + self.grace_s]
