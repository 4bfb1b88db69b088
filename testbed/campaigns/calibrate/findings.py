"""One scenario in three arms, and the findings of rules about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from testbed.checks import Verdict
from testbed.report.outcome import TestOutcome


class Kind(StrEnum):
    """The result of a calibration for one scenario."""

    SENSITIVE = "sensitive to policies: yes"
    CONTROL = "control, as declared"
    NOT_APPLICABLE = "not applicable"
    INSENSITIVE_TO_POLICY = "sensitive to policies: no"
    SATURATED = "unknown, the testbed was saturated"
    INSENSITIVE_TO_FAULT = "sensitive to fault: no"
    FAILS = "fails without the fault"
    NO_CONTROL = "declared a control, but sensitive to policies"
    RED = "fails as written"
    WRONG = "error"


@dataclass(frozen=True)
class Finding:
    """The finding of one rule."""

    kind: Kind
    reasons: tuple[str, ...]
    hint: str = ""


@dataclass(frozen=True)
class Case:
    """The outcomes of one scenario in three arms; None if an arm has no outcome."""

    written: TestOutcome
    healthy: TestOutcome | None
    bare: TestOutcome | None


def names(verdicts: Iterable[Verdict]) -> str:
    """Return the titles of verdicts without duplicates."""
    return ", ".join(dict.fromkeys(verdict.title for verdict in verdicts))


def sentence(verdict: Verdict) -> str:
    """Return what was observed and expected, in one line."""
    observed = verdict.observed or "not judged"
    return f"{verdict.title} ({verdict.population}, {verdict.phase}): {observed}, expected {verdict.bound}"


def excused(test: TestOutcome) -> list[Verdict]:
    """Return verdicts that may fail in the arm without a fault: no reaction to a fault, no touched requests."""
    return [
        verdict
        for verdict in test.verdicts
        if verdict.outcome != "held"
        and (verdict.reaction or (verdict.population.startswith("touched") and verdict.n == 0))
    ]
