"""The rules for a scenario, in order: the first rule with a finding decides."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from testbed.campaigns.calibrate.findings import Case, Finding, Kind, excused, names, sentence
from testbed.campaigns.suite import VERDICTS
from testbed.checks import SATURATED
from testbed.experiment.arm import Arm
from testbed.report.outcome import TestOutcome
from testbed.spec.meshes import capabilities


def _was_skipped(case: Case) -> Iterator[Finding]:
    if case.written.outcome == "skipped":
        yield Finding(Kind.NOT_APPLICABLE, (f"it is skipped ({case.written.why})",))


def _went_wrong(case: Case) -> Iterator[Finding]:
    if case.written.asserts == "error" or (case.written.outcome == "error" and case.written.asserts != "checks"):
        yield Finding(Kind.WRONG, (f"as written: {case.written.why}",), "run pytest alone to see the whole message")


def _breaks_nothing(case: Case) -> Iterator[Finding]:
    if case.written.injected:
        return
    if not case.written.expected:
        yield _red(case.written, "it injects no fault")
    yield Finding(Kind.NOT_APPLICABLE, ("it injects no fault, so there is none to remove",))


def _healthy_went_wrong(case: Case) -> Iterator[Finding]:
    yield from _arm_went_wrong(case.healthy, Arm.WITHOUT_FAULT)


def _bare_went_wrong(case: Case) -> Iterator[Finding]:
    yield from _arm_went_wrong(case.bare, Arm.WITHOUT_POLICIES)


def _arm_went_wrong(test: TestOutcome | None, arm: Arm) -> Iterator[Finding]:
    if test is None:
        yield did_not_end(arm)
    elif test.outcome in ("error", "skipped") or test.asserts == "error":
        hint = "a scenario must run in every arm: do not require something that only one arm has"
        yield Finding(Kind.WRONG, (f"{arm}: {test.why}",), hint)


def did_not_end(arm: Arm) -> Finding:
    """Return the finding for a scenario without an outcome in an arm."""
    return Finding(
        Kind.WRONG, (f"{arm}: it did not end",), "a timeout or a crash may have ended pytest: run the test alone"
    )


def _fails_anyway(case: Case) -> Iterator[Finding]:
    assert case.healthy is not None
    ignored = excused(case.healthy)
    if red := [verdict for verdict in case.healthy.verdicts if verdict.outcome != "held" and verdict not in ignored]:
        yield Finding(
            Kind.FAILS, tuple(f"{VERDICTS[verdict.outcome]}: {sentence(verdict)}" for verdict in red), _WITHOUT
        )
    elif case.healthy.asserts == "violated" and not ignored:
        if case.written.asserts == "held" and case.written.expected:
            why = f"its asserts fail without the fault ({case.healthy.why}): they may require its effect"
            yield Finding(Kind.NOT_APPLICABLE, (why,), "use a check instead: run.check(...)")
        else:
            yield Finding(Kind.FAILS, (f"its asserts: {case.healthy.why}",), _WITHOUT)


_WITHOUT = (
    "the check fails without any fault: the machine is too busy (lower rps=), the bound is too tight, or the load is "
    "too small to prove it. A check of a reaction to the fault must be declared as one (docs/calibrate.md)"
)


def _always_reacts(case: Case) -> Iterator[Finding]:
    assert case.healthy is not None
    if reacting := [verdict for verdict in case.healthy.of("held") if verdict.reaction]:
        reasons = tuple(f"PASS without the fault too: {sentence(verdict)}" for verdict in reacting)
        yield Finding(
            Kind.INSENSITIVE_TO_FAULT,
            reasons,
            "the reaction happens without the fault too: look for another cause",
        )


def _has_no_policies(case: Case) -> Iterator[Finding]:
    if any(fault.protected for fault in case.written.injected):
        return
    meshes = sorted({fault.mesh for fault in case.written.injected})
    unmeshed = bool(meshes) and not any(capabilities(mesh).enforces_policies for mesh in meshes)
    why = f"mesh: {', '.join(meshes)} has" if unmeshed else "its topology has"
    why += " no policies to remove"
    yield Finding(Kind.NOT_APPLICABLE, (why,)) if case.written.expected else _red(case.written, why)


def _is_control(case: Case) -> Iterator[Finding]:
    if case.written.control is None:
        return
    if found := list(_changes(case)):
        yield Finding(Kind.NO_CONTROL, tuple(found), "its policies matter: remove the mark")
    else:
        yield Finding(Kind.CONTROL, (case.written.control,))


def _is_red(case: Case) -> Iterator[Finding]:
    if not case.written.expected:
        without = list(_changes(case))
        yield _red(case.written, without[0] if without else "the same without its policies")


def _red(written: TestOutcome, more: str) -> Finding:
    red = [
        f"{VERDICTS[verdict.outcome]}: {sentence(verdict)}" for verdict in written.verdicts if verdict.outcome != "held"
    ]
    return Finding(Kind.RED, (*(red or [written.why]), more), "make the scenario pass first, then calibrate")


def _is_sensitive(case: Case) -> Iterator[Finding]:
    if found := list(_changes(case)):
        yield Finding(Kind.SENSITIVE, tuple(found))


def _changes(case: Case) -> Iterator[str]:
    """Yield the checks that pass with policies and fail without, or the other way round."""
    assert case.bare is not None
    before = case.written.keyed
    for key, now in case.bare.keyed.items():
        was = before[key].outcome if key in before else "held"
        if {was, now.outcome} == {"held", "violated"}:
            yield f"{VERDICTS[now.outcome]} without its policies: {sentence(now)}"
    if case.written.asserts == "held" and case.written.expected and case.bare.asserts == "violated":
        yield f"its asserts fail without its policies: {case.bare.why}"


def _was_saturated(case: Case) -> Iterator[Finding]:
    """A time that is inconclusive because of saturation is not evidence against a scenario."""
    assert case.bare is not None
    if any(verdict.why.startswith(SATURATED) for verdict in case.bare.of("inconclusive")):
        yield Finding(Kind.SATURATED, tuple(_open(case.bare)), "run it again on a less busy machine, or lower rps=")


def _proves_nothing(case: Case) -> Iterator[Finding]:
    assert case.bare is not None
    judged = names(verdict for verdict in case.bare.verdicts if verdict.outcome != "inconclusive")
    how = "the same" if case.bare.of("violated") else "PASS"
    what = f"{how} without its policies: {judged}" if judged else f"{how} without its policies: its asserts"
    yield Finding(Kind.INSENSITIVE_TO_POLICY, (what, *_open(case.bare)), _how_to_see(case))


def _open(bare: TestOutcome) -> Iterator[str]:
    for verdict in bare.of("inconclusive"):
        yield f"INCONCLUSIVE without its policies: {sentence(verdict)}; {verdict.why}"


def _how_to_see(case: Case) -> str:
    hit = dict.fromkeys(edge for fault in case.written.injected for edge in fault.edges)
    guarded = dict.fromkeys(edge for fault in case.written.injected for edge in fault.protected)
    if not hit.keys() & guarded.keys():
        return f"the fault is on {', '.join(hit)}, but the policies are on {', '.join(guarded)}"
    return (
        "make the fault severe enough to need a policy (ms=, kind='stall', more replicas), or check what the policy "
        "limits: max_latency, call_duration, attempts, fallback. If the fault is harmless on purpose: "
        "@pytest.mark.control('why no policy matters')"
    )


RULES: tuple[Callable[[Case], Iterator[Finding]], ...] = (
    _was_skipped,
    _went_wrong,
    _breaks_nothing,
    _healthy_went_wrong,
    _fails_anyway,
    _always_reacts,
    _has_no_policies,
    _bare_went_wrong,
    _is_red,
    _is_control,
    _is_sensitive,
    _was_saturated,
    _proves_nothing,
)
