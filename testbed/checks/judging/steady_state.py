"""The steady state: if a claim fails before the fault already, the fault is not the cause, or not the only one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from testbed.checks.judging.base import Check, Verdict
from testbed.checks.judging.saturation import timeout_by_overhead
from testbed.checks.judging.view import EVERYONE, View, before_first_fault
from testbed.errors import TestbedError


def compared_with_before(
    check: Check, view: View, verdict: Verdict, judged: Callable[[Check, View], Verdict]
) -> Verdict:
    """Return a verdict, with a note on the steady state if the same check is violated before the fault as well.

    A check of a reaction to a fault is skipped: it cannot hold without a fault.
    """
    window = before_first_fault(view.index)
    if verdict.outcome != "violated" or check.reaction or window is None or view.window.end <= window.end:
        return verdict
    population = EVERYONE if view.population.faults else view.population  # no request was touched before the fault
    before = View(view.index, population, window)
    try:
        found = judged(check.during(window.name), before)
    except TestbedError:  # the check does not fit this window
        return verdict
    if found.outcome != "violated":
        return verdict
    return replace(verdict, why=f"{_said(check, before, found)}; {verdict.why}")


def _said(check: Check, before: View, found: Verdict) -> str:
    said = f"the steady state did not hold: {found.observed} before the fault, so the fault is not the only cause"
    slow = timeout_by_overhead(check, before)
    return f"{said} (a timeout before the fault may have been caused by testbed overhead: {slow.why})" if slow else said
