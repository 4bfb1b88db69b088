"""One scenario in its three arms, and what a rule can find of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from testbed.checks import Verdict
from testbed.report.outcome import TestOutcome


class Kind(StrEnum):
    """What a calibration says of one scenario."""

    SENSITIVE = "tells the difference"
    CONTROL = "a control, as declared"
    NOT_APPLICABLE = "cannot be calibrated"
    INSENSITIVE_TO_POLICY = "proves nothing about its policies"
    SATURATED = "is not calibrated, the testbed was saturated"
    INSENSITIVE_TO_FAULT = "proves nothing about its fault"
    FAILS = "fails even without its fault"
    NO_CONTROL = "is declared a control, and is none"
    RED = "is red as written"
    WRONG = "went wrong"


@dataclass(frozen=True)
class Finding:
    """What one rule found."""

    kind: Kind
    reasons: tuple[str, ...]
    hint: str = ""


@dataclass(frozen=True)
class Case:
    """One scenario in its three arms; None where an arm has nothing of it."""

    written: TestOutcome
    healthy: TestOutcome | None
    bare: TestOutcome | None


def names(verdicts: Iterable[Verdict]) -> str:
    """Return the titles of verdicts, each once."""
    return ", ".join(dict.fromkeys(verdict.title for verdict in verdicts))


def sentence(verdict: Verdict) -> str:
    """Return what was seen and demanded, in one line."""
    seen = verdict.observed or "not judged"
    return f"{verdict.title} ({verdict.population}, {verdict.phase}): {seen}, bound {verdict.bound}"


def excused(test: TestOutcome) -> list[Verdict]:
    """Return the verdicts that say nothing against an arm without a fault: no reaction to one, nobody touched."""
    return [
        verdict
        for verdict in test.verdicts
        if verdict.outcome != "held"
        and (verdict.reaction or (verdict.population.startswith("touched") and verdict.n == 0))
    ]
