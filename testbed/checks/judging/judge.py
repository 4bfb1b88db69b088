"""Judging a run: each check on its population gives a verdict, which is held, violated or inconclusive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations

from testbed.checks.judging.asides import with_asides
from testbed.checks.judging.base import Check, Verdict
from testbed.checks.judging.explain import request_trace
from testbed.checks.judging.formatting import seconds
from testbed.checks.judging.report import BLIND, Report
from testbed.checks.judging.saturation import SATURATED, discount_overhead, testbed_was_slow
from testbed.checks.judging.selection import Selection
from testbed.checks.judging.steady_state import compared_with_before
from testbed.checks.judging.tcp import refuse_on_tcp
from testbed.checks.judging.validity import Threat, first_threat
from testbed.checks.judging.view import EVERYONE, View, after_warm_up, population, window_of
from testbed.errors import CheckError, TestbedError
from testbed.history.deaths import is_finding, last_request
from testbed.history.detours import Detour, detours
from testbed.history.events import ProcessEvent
from testbed.history.file import History
from testbed.history.index import Index
from testbed.history.requests_at import first_fault


def judge(
    history: History,
    *,
    all: Sequence[Check] = (),
    affected: Sequence[Check] = (),
    unaffected: Sequence[Check] = (),
    touched: Sequence[Check] = (),
    untouched: Sequence[Check] = (),
) -> Report:
    """Evaluate every check on its population and return the report. Red verdicts do not raise.

    `affected` and `unaffected` exist where the users or cohorts of all faults were fixed beforehand; `touched` and
    `untouched` were selected by what happened. Raises `CheckError` for checks that cannot be judged as written, and
    `TestbedError` if the testbed's own processes died.
    """
    index = history.index
    named = {"all": all, "affected": affected, "unaffected": unaffected, "touched": touched, "untouched": untouched}
    pairs = _pairs(index, {name: _listed(name, checks) for name, checks in named.items() if checks})
    _refuse_repeats(pairs)
    verdicts = (*(_verdict(check, view) for check, view in pairs), *_deaths(index))
    run = index.run
    judged, blind = verdicts if pairs else (), BLIND if _ends_before_the_fault(index, pairs) else ""
    return Report(judged, run.test, run.mesh, run.seed, blind) if run else Report(judged, blind=blind)


def judge_each(history: History, **populations: Sequence[Check]) -> Report:
    """Judge every check separately: a check that cannot be judged as written is inconclusive, the others are judged.

    For the arms of a calibration, where the policy that a check is about may be removed.
    """
    reports = [_alone(history, name, check) for name, checks in populations.items() for check in _listed(name, checks)]
    verdicts = dict.fromkeys(verdict for report in reports for verdict in report.verdicts)  # a death is in each
    blind = BLIND if all(report.blind for report in reports) else ""
    return replace(reports[0], verdicts=tuple(verdicts), blind=blind) if reports else judge(history)


def _alone(history: History, name: str, check: Check) -> Report:
    try:
        return judge(history, **{name: [check]})
    except CheckError as error:
        phase, why = check.phase or "", str(error)
        return Report(
            (Verdict(str(check), name, phase, "inconclusive", "", check.bound, 0, why=why, title=check.title),)
        )


def _listed(name: str, checks: Sequence[Check]) -> Sequence[Check]:
    """Return the checks; `CheckError` if they are not a list of checks."""
    if isinstance(checks, (str, Check)) or not isinstance(checks, Sequence):
        raise CheckError(f"{name}= takes a list of checks: {name}=[{checks}]")
    for check in checks:
        if not isinstance(check, Check):
            hint = "; call it with its bound" if callable(check) else ""
            raise CheckError(f"{name}=[...] holds {check!r}, which is not a check{hint}")
    return checks


def _pairs(index: Index, named: dict[str, Sequence[Check]]) -> list[tuple[Check, View]]:
    """Return each check with its view; checks of the same requests share one."""
    views: dict[tuple[str, str | None, Selection | None], View] = {}
    pairs = []
    for name, checks in named.items():
        who = population(index, name)
        for check in checks:
            refuse_on_tcp(check, index)
            check.fits(index)
            key = (name, check.phase or check.default_phase, check.who)
            if check.who:
                check.who.fits(str(check), index)
            if key not in views:
                part = who.narrowed(check.who) if check.who else who
                views[key] = View(index, part, window_of(index, key[1]))
            pairs.append((check, views[key]))
    return pairs


def _ends_before_the_fault(index: Index, pairs: Sequence[tuple[Check, View]]) -> bool:
    """Whether the run has a fault, and every check judges a time that was over before it."""
    begun = first_fault(index)
    return (
        bool(pairs) and begun < float("inf") and all(check.views(view)[0].window.end <= begun for check, view in pairs)
    )


def _refuse_repeats(pairs: Sequence[tuple[Check, View]]) -> None:
    """Raise `CheckError` if two checks bound the same thing, or cannot both hold."""
    for (one, here), (other, there) in combinations(pairs, 2):
        if (here.population.name, here.window.name) != (there.population.name, there.window.name):
            continue
        same = "they bound the same thing twice: keep one" if one.topic() == other.topic() else ""
        if why := one.contradicts(other) or same:
            raise CheckError(f"{one} and {other} ({here.population.name}, {here.window.name}): {why}")


def _verdict(check: Check, view: View) -> Verdict:
    return with_asides(check.views(view)[0], compared_with_before(check, view, _judged(check, view), _judged))


def _judged(check: Check, view: View) -> Verdict:
    try:
        if found := first_threat(check, view):
            return _not_judged(check, view, found)
        return _proved(check, view, discount_overhead(check, view, check.judge(view)))
    except TestbedError:
        raise
    except Exception as error:
        why = f"the check raised an error: {type(error).__name__}: {error}"
        return check.verdict(view, "inconclusive", "", len(view.requests), why=why, next=_where(error))


def _not_judged(check: Check, view: View, found: Threat) -> Verdict:
    """Return why a check cannot be judged; the testbed's own trouble is said first, because it may be the cause."""
    why, source = found.why, found.source
    if slow := testbed_was_slow(view):
        why, source = f"{SATURATED}: {slow}; {why}", "testbed"
    return check.verdict(view, "inconclusive", "", len(view.requests), source=source, why=why, next=found.next)


def _proved(check: Check, view: View, verdict: Verdict) -> Verdict:
    """Return the verdict; inconclusive if it holds by a bound that nothing could break, or past the fault."""
    if verdict.outcome != "held":
        return verdict
    if past := past_the_fault(view):
        return replace(verdict, outcome="inconclusive", margin="", why=str(past), next=past.remedy)
    why = check.unbreakable(view)
    if not why:
        return verdict
    why = f"nothing could break this bound: {why}"
    return replace(verdict, outcome="inconclusive", margin="", why=why, next="a bound that can fail: a lower one")


def past_the_fault(view: View) -> Detour | None:
    """Return the connections past a link on which a fault acts, so that it did not meet them; None if there are none.

    A process fault meets them as well.
    """
    there = detours(view.index)
    hit = (edge for fault in view.faults if fault.plane != "process" and fault.injected for edge in fault.edges)
    return next((there[edge] for edge in hit if edge in there), None)


def _where(error: BaseException) -> str:
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""


def _deaths(index: Index) -> Iterator[Verdict]:
    """Yield a violation for every app that died (rule 3). The death of another process is a testbed error."""
    for event in index.processes:
        if event.event == "died":
            if not is_finding(event.process):
                raise TestbedError(f"{event.process} died: {event.detail}")
            yield _death(index, event)


def _death(index: Index, event: ProcessEvent) -> Verdict:
    last = last_request(index, event.process, event.at)
    phase = next((phase for phase in index.phases if phase.start <= event.at < phase.end), None)
    everything = View(index, EVERYONE, after_warm_up(index))
    trace = f"; the last that it had begun was {request_trace(everything, last)}" if last else ""
    return Verdict(
        check="no app dies",
        population="all",
        phase=phase.name if phase else "",
        outcome="violated",
        observed=f"{event.process} died",
        bound="no app dies",
        n=len(index.requests),
        source="runtime",
        why=f"{event.process} died {_under(index, event)}: {event.detail}",
        next=f"the log of {event.process}{trace}",
        title="no app dies",
    )


def _under(index: Index, event: ProcessEvent) -> str:
    """Return what was broken when a process died: `0.3 s after f1 memory_limit(mb=8) began`."""
    begun = [fault for fault in index.faults if fault.injected and fault.start <= event.at]
    if not begun:
        return "with no fault in force"
    names = ", ".join(dict.fromkeys(f"{fault.id} {fault.text}" for fault in begun))
    return f"{seconds(event.at - min(fault.start for fault in begun))} after {names} began"
