"""Judges one scenario by its outcomes in three arms. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from testbed.campaigns.calibrate.findings import Case, Kind, excused, names
from testbed.campaigns.calibrate.rules import RULES, did_not_end
from testbed.campaigns.suite import VERDICTS
from testbed.experiment.arm import Arm
from testbed.report.outcome import TestOutcome

GOOD = (Kind.SENSITIVE, Kind.CONTROL)
NEUTRAL = (Kind.NOT_APPLICABLE,)


@dataclass(frozen=True)
class Judgement:
    """The result for one scenario, its reasons, and a hint what to do; `cells` has a text for each arm."""

    test: str
    kind: Kind
    reasons: tuple[str, ...]
    hint: str
    cells: tuple[str, str, str]
    histories: tuple[str, ...] = ()

    @property
    def bad(self) -> bool:
        """Whether it must be corrected."""
        return self.kind not in (*GOOD, *NEUTRAL)


def is_scenario(arms: Iterable[TestOutcome]) -> bool:
    """Whether a test is a scenario: it sent load or injected a fault, or ended before it could."""
    return any(test.runs or test.injected or test.outcome in ("skipped", "error") for test in arms)


def judgement(name: str, arms: Mapping[Arm, TestOutcome]) -> Judgement:
    """Judge one scenario by what it did in its arms."""
    written = arms.get(Arm.AS_WRITTEN)
    healthy, bare = arms.get(Arm.WITHOUT_FAULT), arms.get(Arm.WITHOUT_POLICIES)
    case = Case(written or TestOutcome(name, "error"), healthy, bare)
    finding = next(found for rule in RULES for found in rule(case)) if written else did_not_end(Arm.AS_WRITTEN)
    cells = (
        cell(written, Arm.AS_WRITTEN),
        cell(healthy, Arm.WITHOUT_FAULT),
        cell(bare, Arm.WITHOUT_POLICIES),
    )
    kept = tuple(test.history for test in (written, healthy, bare) if test and test.history)
    return Judgement(name, finding.kind, finding.reasons, finding.hint, cells, kept)


def cell(test: TestOutcome | None, arm: Arm) -> str:
    """Return the outcome of a scenario in one arm in a few words."""
    if test is None:
        return "did not end"
    if test.outcome == "skipped":
        return "skipped"
    if test.outcome == "error" or test.asserts == "error":
        return "error"
    if not test.verdicts:
        return "PASS" if test.asserts == "held" else "FAIL"
    ignored = excused(test) if arm is Arm.WITHOUT_FAULT else []
    red = [verdict for verdict in test.verdicts if verdict.outcome != "held" and verdict not in ignored]
    if not red:
        asserts = "; but its asserts fail" if test.asserts == "violated" and not ignored else ""
        return f"PASS{asserts}" + (f" (not required: {names(ignored)})" if ignored else "")
    worst = "violated" if any(verdict.outcome == "violated" for verdict in red) else "inconclusive"
    expected = ", as expected" if arm is Arm.AS_WRITTEN and test.expected else ""
    return f"{VERDICTS[worst]}{expected}: {names([verdict for verdict in red if verdict.outcome == worst])}"
