"""One verdict of several findings: each proxy is judged separately, and the worst finding decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from testbed.checks.judging.base import Check, Outcome, Verdict
from testbed.checks.judging.view import View


@dataclass(frozen=True)
class Finding:
    """What was found about one proxy, in words."""

    outcome: Outcome
    observed: str = ""
    why: str = ""
    next: str = ""
    timed: bool = False  # the outcome depends on times, not on a count


def combine(check: Check, view: View, findings: Sequence[Finding], n: int, source: str) -> Verdict:
    """Return one verdict: violated if one finding is, else inconclusive if one is. Counts come before times."""
    ranks = {"violated": 0, "inconclusive": 1, "held": 2}
    first = min(findings, key=lambda one: (ranks[one.outcome], one.timed))
    same = [one for one in findings if one.outcome == first.outcome]
    observed = "; ".join(dict.fromkeys(one.observed for one in findings if one.observed))
    why = "; ".join(dict.fromkeys(one.why for one in same if one.why))
    verdict = check.verdict
    return verdict(view, first.outcome, observed, n, source=source, why=why, next=first.next, timed=first.timed)
