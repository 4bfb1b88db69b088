"""The steady state: if a claim fails before the fault already, the fault is not the cause, or not the only one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from testbed.checks.judging.base import Check, Verdict
from testbed.checks.judging.saturation import SATURATED, testbed_was_slow
from testbed.checks.judging.view import View, before_first_fault
from testbed.errors import TestbedError


def compared_with_before(
    check: Check, view: View, verdict: Verdict, judged: Callable[[Check, View], Verdict]
) -> Verdict:
    """Return a verdict, with a note on the steady state if the same check is violated before the fault as well.

    A check of a reaction to a fault is skipped: it cannot hold without a fault.
    """
    window = before_first_fault(view.index)
    if not _is_out(verdict) or check.reaction or window is None or view.window.end <= window.end:
        return verdict
    before, same = View(view.index, view.population.beforehand, window), check.when_steady().during(window.name)
    try:
        found = judged(same, before)
        if not _is_out(found) or same.judge(before).outcome != "violated":
            return verdict
    except TestbedError:  # the check does not fit this window
        return verdict
    said = _said(before, found)
    why = f"{verdict.why}; {said}" if verdict.outcome == "inconclusive" else f"{said}; {verdict.why}"
    return replace(verdict, why=why)


def _is_out(verdict: Verdict) -> bool:
    """Whether a claim was out of its bound, possibly because of the testbed."""
    return verdict.outcome == "violated" or (verdict.outcome == "inconclusive" and verdict.why.startswith(SATURATED))


def _said(before: View, found: Verdict) -> str:
    said = f"the steady state did not hold: {found.observed} before the fault, so the fault is not the only cause"
    slow = testbed_was_slow(before)
    return f"{said} (the testbed itself may have broken some of these requests: {slow})" if slow else said
