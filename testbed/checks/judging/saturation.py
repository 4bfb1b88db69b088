"""Whether testbed overhead may be the reason for a verdict about time (rule 5). A count is never in doubt.

A count is valid on any machine: the requests did fail. But if the no-op probe took half of a policy's timeout or more,
testbed overhead may have caused that timeout. A red count then names this as the next thing to look at.

Overhead only adds to a latency. So a latency within its bound is proved, and a latency above its bound is in doubt.
Where two phases are compared, a slow baseline makes a held claim doubtful.

The limit is on the probe and not on CPU time: a claim about 700 ms can be valid while every core is busy (on two cores
with a load average of 5, the no-op probe took 0.6 ms, p95 4.3 ms). CPU time is used to name the cause.
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

SATURATED = "the testbed was saturated"  # the reason of such a verdict begins with it
SLOW_SHARE = 0.05  # of the samples; a shared machine has single slow samples all the time
STARVED_MS = 25.0  # for the no-op probe: below 1 ms on an idle machine, p95 4 ms at a load of 5 on two cores
PROBE_EVERY_MS = 100.0  # a longer probe also counts for the probes that it delayed


def discount_overhead(check: Check, view: View, verdict: Verdict) -> Verdict:
    """Return the verdict; inconclusive if testbed overhead may be the reason for it."""
    views = check.views(view)
    suspects = {"violated": views[:1], "held": views[1:]}.get(verdict.outcome, ()) if verdict.timed else ()
    slow = _plane_was_slow(suspects, check.slow_limit_ms())
    found = next(iter((*slow, *_load_was_late(check, suspects))), None)
    return _inconclusive(verdict, found) if found else _warned(check, views[0], verdict)


def _warned(check: Check, view: View, verdict: Verdict) -> Verdict:
    """Return a red count with a note, if testbed overhead may have caused a policy's timeout."""
    found = timeout_by_overhead(check, view) if verdict.outcome == "violated" else None
    if found is None:
        return verdict
    timeout = ms(view.index.facts.patience_ms)
    why = f"the count is exact, but the {timeout} timeout may have been caused by testbed overhead: {found.why}"
    return replace(verdict, next="; ".join(filter(None, (f"{why}; {found.next}", verdict.next))))


def timeout_by_overhead(check: Check, view: View) -> Threat | None:
    """Return the overhead that may have caused a policy's timeout, None if there is none or for a claim about time."""
    patience = view.index.facts.patience_ms
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
                f"the load generator was late in {phase}: p99 {ms(pace.late_p99_ms)} behind schedule "
                f"(limit {ms(limit)}); this delay is part of every latency"
            )
            yield Threat(why, ADVICE, "load")


def _plane_was_slow(views: Sequence[View], limit: float) -> Iterator[Threat]:
    for view in views:
        times = _weighted(view.index, view.window)
        slow = sum(weight for took, weight in times if took > limit)
        share = slow / (sum(weight for _, weight in times) or 1.0)
        if share > SLOW_SHARE:
            why = (
                f"in {view.window.name} the no-op probe through the test proxies exceeded {ms(limit)} in "
                f"{percent(share)} of samples (limit {percent(SLOW_SHARE)}); this delay is part of every latency"
            )
            used = spent(view.index, view.window)
            yield Threat("; ".join(filter(None, (why, _busy(used)))), _advice(used), "testbed")


def starved(index: Index) -> str:
    """Return how far a run lacked CPU time, "" if it did not.

    The no-op probe counts as slow above 25 ms, or above half of the shortest timeout of the policies.
    """
    if not index.phases:
        return ""
    times = [time for phase in index.phases for time in (phase.start, phase.end)]
    whole = View(index, EVERYONE, Window("the whole run", min(times), max(times), index.requests, ()))
    limit = min(STARVED_MS, index.facts.patience_ms / 2)
    return next((threat.why for threat in _plane_was_slow([whole], limit)), "")


def _weighted(index: Index, window: Window) -> list[tuple[float, float]]:
    """Return the duration (ms) and the weight of each probe that was sent in a window.

    A stall delays the probe that is under way and all later ones, so a slow probe gets a higher weight.
    """
    probes = [(sample.at, max(sample.values.values())) for sample in index.samples if sample.source == "probe"]
    took = [one for at, one in probes if window.start <= at - one / 1000 < window.end]
    return [(one, max(1.0, one / PROBE_EVERY_MS)) for one in took]


def spent(index: Index, window: Window) -> dict[str, float]:
    """Return the share of CPU time (of all cores) that each testbed process and the whole machine used in a window."""
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
    return f"CPU: {percent(min(busy, 1.0))} of all cores busy (of this {own})"


def _advice(used: dict[str, float]) -> str:
    if used and math.fsum(_own(used).values()) < used["machine"] / 2:
        return "other processes are using the CPU: lower rps=, run fewer workers (-n), or wait"
    return ADVICE


def _own(used: dict[str, float]) -> dict[str, float]:
    return {name: share for name, share in used.items() if name != "machine"}
