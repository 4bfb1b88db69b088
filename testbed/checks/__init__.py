"""The checks: one file a check, one line here. Third parties add theirs by the entry point group `testbed.checks`."""

from __future__ import annotations

from collections.abc import Callable

from testbed.checks._base import Check, EdgeCheck, Outcome, Verdict
from testbed.checks._judge import judge, judge_each
from testbed.checks._report import Report
from testbed.checks._view import View
from testbed.checks.amplification import amplification
from testbed.checks.attempts import attempts
from testbed.checks.availability import availability
from testbed.checks.breaker import breaker
from testbed.checks.budget_respected import budget_respected
from testbed.checks.bulkhead import bulkhead
from testbed.checks.contained import contained
from testbed.checks.deadline_kept import deadline_kept
from testbed.checks.ejected import ejected
from testbed.checks.fallback import fallback
from testbed.checks.gives_up import gives_up
from testbed.checks.no_duplicate_effects import no_duplicate_effects
from testbed.checks.only_statuses import only_statuses
from testbed.checks.quantile import p50, p90, p99, quantile
from testbed.checks.recovers import recovers
from testbed.checks.sheds import sheds
from testbed.checks.slowest import slowest
from testbed.errors import CheckError, nearest

CHECKS: dict[str, Callable[..., Check]] = {
    "amplification": amplification,
    "attempts": attempts,
    "availability": availability,
    "breaker": breaker,
    "budget_respected": budget_respected,
    "bulkhead": bulkhead,
    "contained": contained,
    "deadline_kept": deadline_kept,
    "ejected": ejected,
    "fallback": fallback,
    "gives_up": gives_up,
    "no_duplicate_effects": no_duplicate_effects,
    "only_statuses": only_statuses,
    "p50": p50,
    "p90": p90,
    "p99": p99,
    "quantile": quantile,
    "recovers": recovers,
    "sheds": sheds,
    "slowest": slowest,
}

__all__ = [
    "CHECKS",
    "Check",
    "EdgeCheck",
    "Outcome",
    "Report",
    "Verdict",
    "View",
    "amplification",
    "attempts",
    "availability",
    "breaker",
    "budget_respected",
    "bulkhead",
    "contained",
    "deadline_kept",
    "ejected",
    "fallback",
    "gives_up",
    "judge",
    "judge_each",
    "named",
    "no_duplicate_effects",
    "only_statuses",
    "p50",
    "p90",
    "p99",
    "quantile",
    "recovers",
    "sheds",
    "slowest",
]


def named(name: str) -> Callable[..., Check]:
    """Return the check of that name, our own or an installed third party's; `CheckError` if there is none."""
    if name in CHECKS:
        return CHECKS[name]
    from importlib.metadata import entry_points

    others = entry_points(group="testbed.checks")
    if name not in others.names:
        raise CheckError(f"there is no check {name!r}{nearest(name, {*CHECKS, *others.names})}")
    found: Callable[..., Check] = others[name].load()
    return found
