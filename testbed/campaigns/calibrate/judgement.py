"""Three arms of one scenario -> what the scenario can tell: pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from testbed.campaigns.calibrate.findings import Case, Kind, excused, names
from testbed.campaigns.calibrate.rules import RULES, did_not_end
from testbed.experiment.arm import Arm
from testbed.report.outcome import TestOutcome

GOOD = (Kind.SENSITIVE, Kind.CONTROL)
NEUTRAL = (Kind.NOT_APPLICABLE,)


@dataclass(frozen=True)
class Judgement:
    """One scenario: what it can tell, for which reasons, and what to do about it; `cells` has a text for each arm."""

    test: str
    kind: Kind
    reasons: tuple[str, ...]
    hint: str
    cells: tuple[str, str, str]
    histories: tuple[str, ...] = ()

    @property
    def bad(self) -> bool:
        """Whether something has to be done about it."""
        return self.kind not in (*GOOD, *NEUTRAL)


def is_scenario(arms: Iterable[TestOutcome]) -> bool:
    """Whether a test is about a mesh: it sent load or broke something; or nobody can know, for it did not get there."""
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
    """One arm of a scenario in a few words."""
    if test is None:
        return "did not end"
    if test.outcome == "skipped":
        return "skipped"
    if test.outcome == "error" or test.asserts == "error":
        return "went wrong"
    if not test.verdicts:
        return "passes" if test.asserts == "held" else "fails"
    spared = excused(test) if arm is Arm.WITHOUT_FAULT else []
    red = [verdict for verdict in test.verdicts if verdict.outcome != "held" and verdict not in spared]
    if not red:
        own = "; but its own asserts fail" if test.asserts == "violated" and not spared else ""
        return f"holds{own}" + (f" (no need of: {names(spared)})" if spared else "")
    worst = "violated" if any(verdict.outcome == "violated" for verdict in red) else "inconclusive"
    expected = ", as expected" if arm is Arm.AS_WRITTEN and test.expected else ""
    return f"{worst}{expected}: {names([verdict for verdict in red if verdict.outcome == worst])}"
