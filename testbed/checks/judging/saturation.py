"""Whether the testbed's own slowness may be the reason for a verdict about time (rule 5); counts never are in doubt.

A count stands whatever the machine does: those requests did fail. But where the way to the callee alone took as long as
half of a policy's time-out, that time-out may have failed them, so a red count says it as the next thing to look at.

A testbed that is slow only ever adds to a latency. So a bound that held is proved all the more, and one that was broken
is in doubt; where two phases are compared, a slow baseline puts in doubt what held.

The bound is on the effect, never on processor time: with every core busy, a claim about 700 ms can be sound (on two
cores with a load average of 5 an empty way through link and inlet took 0.6 ms, p95 4.3 ms). Processor time says who is
to blame.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from testbed.checks.judging.base import Check, Verdict
from testbed.checks.judging.formatting import ms, percent
from testbed.checks.judging.validity import ADVICE, Threat, paces
from testbed.checks.judging.view import EVERYONE, View, Window
from testbed.history.index import Index

SATURATED = "the testbed was saturated"  # so begins the reason of such a verdict
SLOW_SHARE = 0.05  # of the time; single hiccups of a shared machine are shorter, and would doubt everything
STARVED_MS = 25.0  # for an empty way; on an idle machine it takes less than 1 ms, at a load of 5 on two cores 4 (p95)
PROBE_EVERY_MS = 100.0  # a probe that takes longer stands for those that could not be sent meanwhile


def blame_the_testbed(check: Check, view: View, verdict: Verdict) -> Verdict:
    """Return the verdict, inconclusive if the testbed itself may be its reason."""
    views = check.views(view)
    suspects = {"violated": views[:1], "held": views[1:]}.get(verdict.outcome, ()) if verdict.timed else ()
    slow = _plane_was_slow(suspects, check.slow_limit_ms())
    found = next(iter((*slow, *_load_was_late(check, suspects))), None)
    return _inconclusive(verdict, found) if found else _warned(check, views[0], verdict)


def _warned(check: Check, view: View, verdict: Verdict) -> Verdict:
    """Return a red count with a word on the testbed, where its slowness may have run into a policy's time-out."""
    found = timeout_may_be_ours(check, view) if verdict.outcome == "violated" else None
    if found is None:
        return verdict
    patience = ms(view.index.wiring.patience_ms)
    why = f"the count stands, but a time-out of {patience} may have met the testbed itself: {found.why}"
    return replace(verdict, next="; ".join(filter(None, (f"{why}; {found.next}", verdict.next))))


def timeout_may_be_ours(check: Check, view: View) -> Threat | None:
    """Return how slow the testbed was where a policy's time-out may have run into that; None for claims about time."""
    patience = view.index.wiring.patience_ms
    if check.slow_limit_ms() < math.inf or patience == math.inf:
        return None
    return next(_plane_was_slow([view], patience / 2), None)


def _inconclusive(verdict: Verdict, threat: Threat) -> Verdict:
    why = f"{SATURATED}: {threat.why}"
    return replace(verdict, outcome="inconclusive", margin="", why=why, next=threat.next, source=threat.source)


def _load_was_late(check: Check, views: Sequence[View]) -> Iterator[Threat]:
    limit = check.late_limit_ms()
    for phase, pace in paces(views):
        if pace and pace.late_p99_ms > limit:
            why = (
                f"the load was late in {phase}: p99 {ms(pace.late_p99_ms)} behind its schedule, which is part of "
                f"every latency; up to {ms(limit)} would have been good enough"
            )
            yield Threat(why, ADVICE, "load")


def _plane_was_slow(views: Sequence[View], limit: float) -> Iterator[Threat]:
    for view in views:
        times = _weighted(view.index, view.window)
        slow = sum(weight for took, weight in times if took > limit)
        share = slow / (sum(weight for _, weight in times) or 1.0)
        if share > SLOW_SHARE:
            why = (
                f"in {view.window.name} an empty way through link and inlet alone took longer than {ms(limit)} for "
                f"{percent(share)} of the time, which is part of every latency; {percent(SLOW_SHARE)} would have been "
                f"good enough"
            )
            used = spent(view.index, view.window)
            yield Threat("; ".join(filter(None, (why, _busy(used)))), _advice(used), "testbed")


def starved(index: Index) -> str:
    """Return how badly the testbed lacked processor time in a run, "" if it did not.

    An empty way through link and inlet counts as slow above 25 ms, or above half of the policies' shortest time-out.
    """
    if not index.phases:
        return ""
    times = [time for phase in index.phases for time in (phase.start, phase.end)]
    whole = View(index, EVERYONE, Window("the whole run", min(times), max(times), index.requests, ()))
    limit = min(STARVED_MS, index.wiring.patience_ms / 2)
    return next((threat.why for threat in _plane_was_slow([whole], limit)), "")


def _weighted(index: Index, window: Window) -> list[tuple[float, float]]:
    """Return the milliseconds of each probe that was sent in a window, and for how many it stands.

    A probe asks the inlet straight, then through a link; a stall hits only the one that is under way.
    """
    probes = [(sample.at, max(sample.values.values())) for sample in index.samples if sample.source == "probe"]
    took = [one for at, one in probes if window.start <= at - one / 1000 < window.end]
    return [(one, max(1.0, one / PROBE_EVERY_MS)) for one in took]


def spent(index: Index, window: Window) -> dict[str, float]:
    """Return the share of all cores' time in a window that each process of the testbed used, and the whole machine."""
    samples = [sample for sample in index.samples if sample.source == "testbed"]
    before = [sample for sample in samples if sample.at <= window.start]
    after = [sample for sample in samples if sample.at >= window.end]
    if not before or not after:
        return {}
    first, last = before[-1].values, after[0].values
    used = {name: last[name] - first.get(name, 0.0) for name in last}
    capacity = used.pop("capacity", 0.0)
    return {name: seconds / capacity for name, seconds in used.items()} if capacity > 0 else {}


def _busy(used: dict[str, float]) -> str:
    if not used:
        return ""
    busy, own = used["machine"], ", ".join(f"{name} {percent(share)}" for name, share in _own(used).items())
    return f"all cores were {percent(min(busy, 1.0))} busy (of all cores' time: {own})"


def _advice(used: dict[str, float]) -> str:
    if used and math.fsum(_own(used).values()) < used["machine"] / 2:
        return "the apps, their proxies or strangers use the processors: lower rps=, run fewer workers (-n), or wait"
    return ADVICE


def _own(used: dict[str, float]) -> dict[str, float]:
    return {name: share for name, share in used.items() if name != "machine"}
