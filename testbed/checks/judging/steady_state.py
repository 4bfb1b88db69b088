"""The steady state: a bound that was broken before the fault already was not broken by it, or not by it alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from testbed.checks.judging.base import Check, Verdict
from testbed.checks.judging.saturation import timeout_may_be_ours
from testbed.checks.judging.view import EVERYONE, View, before_first_fault
from testbed.errors import TestbedError


def compared_with_before(
    check: Check, view: View, verdict: Verdict, judged: Callable[[Check, View], Verdict]
) -> Verdict:
    """Return a verdict, with a word on the steady state where the same check is violated before the fault as well.

    A check of a reaction to a fault is not asked: without one it cannot hold.
    """
    window = before_first_fault(view.index)
    if verdict.outcome != "violated" or check.reaction or window is None or view.window.end <= window.end:
        return verdict
    population = EVERYONE if view.population.faults else view.population  # nobody was touched by then
    before = View(view.index, population, window)
    try:
        found = judged(check.during(window.name), before)
    except TestbedError:  # it cannot be asked of this stretch
        return verdict
    if found.outcome != "violated":
        return verdict
    return replace(verdict, why=f"{_said(check, before, found)}; {verdict.why}")


def _said(check: Check, before: View, found: Verdict) -> str:
    said = f"the steady state did not hold: {found.observed} before the fault, which is not the cause, or not alone"
    slow = timeout_may_be_ours(check, before)
    return f"{said} (then, too, a time-out may have met the testbed itself: {slow.why})" if slow else said
