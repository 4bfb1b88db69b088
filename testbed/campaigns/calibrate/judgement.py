"""Three arms of one scenario -> what the scenario can tell: pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from testbed.campaigns.outcomes import Seen, Told
from testbed.checks import SATURATED
from testbed.experiment.arm import Arm
from testbed.spec.meshes import capabilities


class Kind(StrEnum):
    """What a calibration says of one scenario."""

    TELLS = "tells the difference"
    CONTROL = "a control, as declared"
    APART = "cannot be calibrated"
    BLIND = "proves nothing about its policies"
    BUSY = "is not calibrated, the testbed was saturated"
    DEAF = "proves nothing about its fault"
    FAILS = "fails even without its fault"
    NO_CONTROL = "is declared a control, and is none"
    RED = "is red as written"
    WRONG = "went wrong"


GOOD = (Kind.TELLS, Kind.CONTROL)
NEUTRAL = (Kind.APART,)


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


@dataclass(frozen=True)
class Finding:
    """What one rule found."""

    kind: Kind
    reasons: tuple[str, ...]
    hint: str = ""


@dataclass(frozen=True)
class Case:
    """One scenario in its three arms; None where an arm has nothing of it."""

    written: Told
    healthy: Told | None
    bare: Told | None


def is_scenario(arms: Iterable[Told]) -> bool:
    """Whether a test is about a mesh: it sent load or broke something; or nobody can know, for it did not get there."""
    return any(told.runs or told.injected or told.outcome in ("skipped", "error") for told in arms)


def judgement(test: str, arms: Mapping[Arm, Told]) -> Judgement:
    """Judge one scenario by what it did in its arms."""
    written = arms.get(Arm.AS_WRITTEN)
    case = Case(written or Told(test, "error"), arms.get(Arm.WITHOUT_FAULT), arms.get(Arm.WITHOUT_POLICIES))
    finding = next(found for rule in RULES for found in rule(case)) if written else _silent(Arm.AS_WRITTEN)
    cells = (cell(written, Arm.AS_WRITTEN), cell(case.healthy, Arm.WITHOUT_FAULT), cell(case.bare, _BARE))
    kept = tuple(told.history for told in (written, case.healthy, case.bare) if told and told.history)
    return Judgement(test, finding.kind, finding.reasons, finding.hint, cells, kept)


_BARE = Arm.WITHOUT_POLICIES


def cell(told: Told | None, arm: Arm) -> str:
    """One arm of a scenario in a few words."""
    if told is None:
        return "did not end"
    if told.outcome == "skipped":
        return "skipped"
    if told.outcome == "error" or told.own == "error":
        return "went wrong"
    if not told.verdicts:
        return "passes" if told.own == "held" else "fails"
    spared = _spared(told) if arm is Arm.WITHOUT_FAULT else []
    red = [seen for seen in told.verdicts if seen.outcome != "held" and seen not in spared]
    if not red:
        own = "; but its own asserts fail" if told.own == "violated" and not spared else ""
        return f"holds{own}" + (f" (no need of: {_names(spared)})" if spared else "")
    worst = "violated" if any(seen.outcome == "violated" for seen in red) else "inconclusive"
    expected = ", as expected" if arm is Arm.AS_WRITTEN and told.expected else ""
    return f"{worst}{expected}: {_names([seen for seen in red if seen.outcome == worst])}"


def _names(verdicts: Iterable[Seen]) -> str:
    return ", ".join(dict.fromkeys(seen.title for seen in verdicts))


def _spared(told: Told) -> list[Seen]:
    """Verdicts that say nothing against an arm without a fault: a reaction that did not happen, a touch of nobody."""
    return [
        seen
        for seen in told.verdicts
        if seen.outcome != "held" and (seen.reaction or (seen.population.startswith("touched") and seen.n == 0))
    ]


# -- the rules, in their order: the first that finds something has the word


def _was_skipped(case: Case) -> Iterator[Finding]:
    if case.written.outcome == "skipped":
        yield Finding(Kind.APART, (f"it is skipped ({case.written.why})",))


def _went_wrong(case: Case) -> Iterator[Finding]:
    if case.written.own == "error" or (case.written.outcome == "error" and case.written.own != "checks"):
        yield Finding(Kind.WRONG, (f"as written: {case.written.why}",), "pytest alone shows the whole message")


def _breaks_nothing(case: Case) -> Iterator[Finding]:
    if case.written.injected:
        return
    if not case.written.expected:
        yield _red(case.written, "it injects no fault")
    yield Finding(Kind.APART, ("it injects no fault, so there is none to leave out",))


def _healthy_went_wrong(case: Case) -> Iterator[Finding]:
    yield from _arm_went_wrong(case.healthy, Arm.WITHOUT_FAULT)


def _bare_went_wrong(case: Case) -> Iterator[Finding]:
    yield from _arm_went_wrong(case.bare, _BARE)


def _arm_went_wrong(told: Told | None, arm: Arm) -> Iterator[Finding]:
    if told is None:
        yield _silent(arm)
    elif told.outcome in ("error", "skipped") or told.own == "error":
        hint = "a scenario must be able to run in every arm: ask for nothing that only one of them has"
        yield Finding(Kind.WRONG, (f"{arm}: {told.why}",), hint)


def _silent(arm: Arm) -> Finding:
    return Finding(Kind.WRONG, (f"{arm}: it did not end",), "did a time-out or a crash end pytest? run it alone")


def _fails_anyway(case: Case) -> Iterator[Finding]:
    assert case.healthy is not None
    spared = _spared(case.healthy)
    if red := [seen for seen in case.healthy.verdicts if seen.outcome != "held" and seen not in spared]:
        yield Finding(Kind.FAILS, tuple(f"{seen.outcome}: {seen.text}" for seen in red), _WITHOUT)
    elif case.healthy.own == "violated" and not spared:
        if case.written.own == "held" and case.written.expected:
            why = f"its own asserts fail without the fault ({case.healthy.why}): do they ask for its effect?"
            yield Finding(Kind.APART, (why,), "only a check can say so: judge the run with run.check(...)")
        else:
            yield Finding(Kind.FAILS, (f"its own asserts: {case.healthy.why}",), _WITHOUT)


_WITHOUT = (
    "with nothing broken the bound is already missed: is the machine too busy (lower rps=), the bound too tight, the "
    "load too small to prove it? A check of a reaction to the fault should say that it is one (docs/calibrate.md)"
)


def _holds_anyway(case: Case) -> Iterator[Finding]:
    assert case.healthy is not None
    if blind := [seen for seen in case.healthy.of("held") if seen.reaction]:
        reasons = tuple(f"holds without the fault as well: {seen.text}" for seen in blind)
        yield Finding(Kind.DEAF, reasons, "it asks for a reaction that happens always: does anything else cause it?")


def _has_no_policies(case: Case) -> Iterator[Finding]:
    if any(fault.protected for fault in case.written.injected):
        return
    meshes = sorted({fault.mesh for fault in case.written.injected})
    unmeshed = bool(meshes) and not any(capabilities(mesh).enforces_policies for mesh in meshes)
    why = f"mesh: {', '.join(meshes)} has" if unmeshed else "its topology has"
    why += " no policies to remove"
    yield Finding(Kind.APART, (why,)) if case.written.expected else _red(case.written, why)


def _is_control(case: Case) -> Iterator[Finding]:
    if case.written.control is None:
        return
    if found := list(_changes(case)):
        yield Finding(Kind.NO_CONTROL, tuple(found), "its policies matter, which is better: remove the mark")
    else:
        yield Finding(Kind.CONTROL, (case.written.control,))


def _is_red(case: Case) -> Iterator[Finding]:
    if not case.written.expected:
        without = list(_changes(case))
        yield _red(case.written, without[0] if without else "and it is the same without its policies")


def _red(written: Told, more: str) -> Finding:
    red = [f"{seen.outcome}: {seen.text}" for seen in written.verdicts if seen.outcome != "held"]
    return Finding(Kind.RED, (*(red or [written.why]), more), "contain the fault first, then calibrate")


def _tells(case: Case) -> Iterator[Finding]:
    if found := list(_changes(case)):
        yield Finding(Kind.TELLS, tuple(found))


def _changes(case: Case) -> Iterator[str]:
    """Yield what is held with the policies and violated without, or the other way round."""
    assert case.bare is not None
    before = case.written.keyed
    for key, now in case.bare.keyed.items():
        was = before[key].outcome if key in before else "held"
        if {was, now.outcome} == {"held", "violated"}:
            yield f"{now.outcome} without its policies: {now.text}"
    if case.written.own == "held" and case.written.expected and case.bare.own == "violated":
        yield f"without its policies its own asserts fail: {case.bare.why}"


def _was_saturated(case: Case) -> Iterator[Finding]:
    """A time that could not be told, for the testbed was too busy, says nothing against a scenario."""
    assert case.bare is not None
    if any(seen.why.startswith(SATURATED) for seen in case.bare.of("inconclusive")):
        yield Finding(Kind.BUSY, tuple(_open(case.bare)), "run it again on a machine with less to do, or lower rps=")


def _proves_nothing(case: Case) -> Iterator[Finding]:
    assert case.bare is not None
    names = _names(seen for seen in case.bare.verdicts if seen.outcome != "inconclusive")
    how = "the same" if case.bare.of("violated") else "green"
    what = f"{how} without its policies: {names}" if names else f"{how} without its policies: its own asserts"
    yield Finding(Kind.BLIND, (what, *_open(case.bare)), _how_to_see(case))


def _open(bare: Told) -> Iterator[str]:
    for seen in bare.of("inconclusive"):
        yield f"inconclusive without its policies, which proves nothing: {seen.text}; {seen.why}"


def _how_to_see(case: Case) -> str:
    hit = dict.fromkeys(edge for fault in case.written.injected for edge in fault.edges)
    guarded = dict.fromkeys(edge for fault in case.written.injected for edge in fault.protected)
    if not hit.keys() & guarded.keys():
        return f"no policy is on {', '.join(hit)}, where the fault is; there are policies on {', '.join(guarded)}"
    return (
        "make the fault hard enough to need a policy (ms=, kind='silent', more replicas), or check what the policy "
        "bounds: slowest, gives_up, attempts, fallback. If it is meant to be harmless: "
        "@pytest.mark.control('why no policy matters')"
    )


RULES: tuple[Callable[[Case], Iterator[Finding]], ...] = (
    _was_skipped,
    _went_wrong,
    _breaks_nothing,
    _healthy_went_wrong,
    _fails_anyway,
    _holds_anyway,
    _has_no_policies,
    _bare_went_wrong,
    _is_red,
    _is_control,
    _tells,
    _was_saturated,
    _proves_nothing,
)
