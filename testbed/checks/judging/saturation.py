"""Whether the testbed itself may be the reason for a verdict (rule 5): one rule for counts and for times.

A verdict is judged again on the run without what the testbed can have caused: without the requests that are in doubt,
and with the other latencies as short as they can have been (see `doubt`). If the outcome stays, it is proved. If it
changes, the verdict is inconclusive.

A claim that held is judged again only if slowness can make it hold: a reaction (a fallback, an open breaker), or a
comparison with a baseline that was slow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields, replace
from itertools import pairwise

from testbed.checks.judging.base import Check, Verdict
from testbed.checks.judging.closing_links import is_met_by_closing_link
from testbed.checks.judging.doubt import NO_FILES, Doubts, without_doubt
from testbed.checks.judging.formatting import count, ms, percent, plural
from testbed.checks.judging.plane import UNANSWERED_MS, all_cores_busy, cpu_times, plane_of
from testbed.checks.judging.validity import ADVICE
from testbed.checks.judging.view import EVERYONE, View, Window
from testbed.history.index import Index
from testbed.history.outcomes import TIMEOUT

SATURATED = "the testbed was saturated"  # the reason of such a verdict begins with it
SLOW_SHARE = 0.05  # of the samples; a shared machine has single slow samples all the time
BUSY = "all cores of the machine were busy in every sample, so the services may have lacked CPU time"
CLOSING = "a link still accepted connections when its process, which was asked to end, refused them"
OPEN_FILES = "open files"  # the source of the sample with their limit
STARVED_MS = 25.0  # for the no-op probe: below 1 ms on an idle machine, p95 4 ms at a load of 5 on two cores
PROBE_EVERY_MS = 100.0  # a longer probe also counts for the probes that it delayed


def discount_overhead(check: Check, view: View, verdict: Verdict) -> Verdict:
    """Return the verdict; inconclusive if the testbed itself may be the reason for it.

    A violation that is about time says whether the machine was busy throughout.
    """
    judged = _discounted(check, view, verdict)
    seen = check.views(view)[0]
    if judged.outcome != "violated" or not busy_throughout(view.index, seen.window) or not _about_time(check, seen):
        return judged
    return replace(judged, why=f"{judged.why}; {BUSY}")


def _about_time(check: Check, view: View) -> bool:
    """Whether a lack of CPU time can matter: the claim is about time, or something timed out."""
    times = (getattr(check, one.name) for one in fields(check) if one.name.endswith(("_ms", "_s")))
    if any(time is not None for time in times) or any(not request.answered for request in view.requests):
        return True
    index = view.index
    hops = (hop for request in view.requests for hop in index.attempts.by_request.get(request.id, ()))
    return any(hop.outcome == TIMEOUT for hop in hops)


def _discounted(check: Check, view: View, verdict: Verdict) -> Verdict:
    if verdict.outcome == "inconclusive":
        return verdict
    compared = [request.id for other in check.views(view)[1:] for request in other.requests]
    if verdict.outcome == "held":
        if not check.reaction and not compared:
            return verdict  # slowness only makes it harder to hold
        scope = view.index.request_ids if check.reaction else frozenset()
        return _confirmed(check, view, verdict, _remaining(view, without_doubt(view.index, scope, compared)))
    rest = _remaining(view, without_doubt(view.index, view.index.request_ids.difference(compared)))
    later = check.relaxed(_most_added_ms(view)) if verdict.timed else check
    return _confirmed(later, view, verdict, rest)


def _remaining(view: View, index: Index) -> View:
    """Return the same view of another record of the run."""
    left = {request.id: request for request in index.requests}
    kept = [left[request.id] for request in view.window.requests if request.id in left]
    return View(index, view.population, replace(view.window, requests=kept))


def _most_added_ms(view: View) -> float:
    """Return the most that the testbed can have added to an event of this view, in all passages of a request."""
    index, start = view.index, view.window.start
    start = min(start, max((fault.end for fault in index.faults if fault.end <= start), default=start))
    end = max([view.window.end, *(phase.end for phase in index.phases)])
    tries = max((len(index.attempts.by_request.get(request.id, ())) for request in view.requests), default=0)
    return plane_of(index).slowed_ms(start, end) * (2 + tries)


def _confirmed(check: Check, view: View, verdict: Verdict, rest: View) -> Verdict:
    """Return the verdict if the rest of the run says the same, else an inconclusive one.

    A comparison that held is in doubt because of its baseline.
    """
    judged = check.views(view)[0]
    gone = sum(1 for request in judged.requests if request.id not in rest.index.request_ids)
    again = check.judge(rest) if all(other.requests for other in check.views(rest)) else None
    if again is not None and again.outcome == verdict.outcome:
        return _also_without(verdict, judged, gone) if gone and verdict.outcome == "violated" else verdict
    suspect = judged if gone or verdict.outcome == "violated" else check.views(view)[-1]
    why = f"{SATURATED}: {said_of(suspect)}; {_effect(judged, gone, again)}"
    used = spent(view.index, suspect.window)
    why = "; ".join(filter(None, (why, _busy(used))))
    return replace(verdict, outcome="inconclusive", margin="", why=why, next=_advice(used), source="testbed")


def _also_without(verdict: Verdict, judged: View, gone: int) -> Verdict:
    why = f"{verdict.why}; this is so also without {plural(gone, 'request')} that the testbed itself may have broken"
    return replace(verdict, why=f"{why} ({said_of(judged)})")


def said_of(view: View) -> str:
    """Return how slow the testbed was in a view, and how late its load."""
    start, end = view.window.start, max(_ends(view), default=view.window.end)
    worst = max((one.most_ms for one in plane_of(view.index).probed.between(start, end)), default=0.0)
    late = max(((request.sent - request.intended) * 1000 for request in view.requests), default=0.0)
    probe = "got no answer for" if worst >= UNANSWERED_MS else "took up to"
    said = [f"the no-op probe through the test proxies {probe} {ms(worst)}"] if worst > late else []
    said += [f"the load generator was up to {ms(late)} behind schedule"] if late >= 1 else []
    stopped = max((one.most_ms for one in plane_of(view.index).stopped.between(start, end)), default=0.0)
    said += [f"the proxy of a caller did not answer for {ms(stopped)}"] if stopped else []
    full = any(plane_of(view.index).full.between(start, end)) or any(NO_FILES in r.error for r in view.requests)
    said += [f"a process of the testbed had no file descriptors left ({_limit(view.index)})"] if full else []
    said += [CLOSING] if any(_met_closing_link(view.index, request.id) for request in view.requests) else []
    said += [BUSY] if any(plane_of(view.index).busy.between(start, end)) else []
    return f"in {view.window.name} {' and '.join(said)}"


def _met_closing_link(index: Index, request: str) -> bool:
    return any(is_met_by_closing_link(index, one) for one in index.attempts.by_request.get(request, ()))


def _limit(index: Index) -> str:
    told = [sample.values["limit"] for sample in index.samples if sample.source == OPEN_FILES]
    return f"open files: limit {min(told):.0f}" if told else "ulimit -n"


def _ends(view: View) -> Sequence[float]:
    return [request.intended + request.latency_ms / 1000 for request in view.requests]


def _effect(judged: View, gone: int, again: Verdict | None) -> str:
    """Return what is left of the claim without what the testbed may have caused."""
    if not gone:
        return "this delay is part of every latency, and explains the verdict"
    of = f"{count(gone)} of {plural(len(judged.requests), 'request')}"
    left = f"; of the others: {again.observed}" if again and again.observed else ""
    return f"this can be the reason for how {of} ended{left}"


def testbed_was_slow(view: View) -> str:
    """Return how slow the testbed was in a view if it may have broken one of its requests, "" if not."""
    doubts = Doubts(view.index)
    return said_of(view) if any(map(doubts.concerns, view.requests)) else ""


def starved(index: Index) -> str:
    """Return how far a run lacked CPU time, "" if it did not.

    The no-op probe counts as slow above 25 ms, or above half of the shortest timeout of the policies.
    """
    if not index.phases:
        return ""
    ends = [time for phase in index.phases for time in (phase.start, phase.end)]
    whole = View(index, EVERYONE, Window("the whole run", min(ends), max(ends), index.requests, ()))
    limit = min(STARVED_MS, index.facts.patience_ms / 2)
    times = _weighted(index, whole.window)
    slow = sum(weight for took, weight in times if took > limit)
    share = slow / (sum(weight for _, weight in times) or 1.0)
    if share <= SLOW_SHARE:
        return ""
    why = f"the no-op probe through the test proxies exceeded {ms(limit)} in {percent(share)} of samples"
    return "; ".join(filter(None, (f"{why} (limit {percent(SLOW_SHARE)})", _busy(spent(index, whole.window)))))


def _weighted(index: Index, window: Window) -> list[tuple[float, float]]:
    """Return the duration (ms) and the weight of each probe that was sent in a window.

    A stall delays the probe that is under way and all later ones, so a slow probe gets a higher weight.
    """
    probes = [(sample.at, max(sample.values.values())) for sample in index.samples if sample.source == "probe"]
    took = [one for at, one in probes if window.start <= at - one / 1000 < window.end]
    return [(one, max(1.0, one / PROBE_EVERY_MS)) for one in took]


def busy_throughout(index: Index, window: Window) -> bool:
    """Whether all cores were busy in every sample of a window. Services may then have lacked CPU time."""
    pairs = pairwise(cpu_times(index.samples))
    inside = [(a, b) for a, b in pairs if b.at > window.start and a.at < window.end]
    return bool(inside) and all(all_cores_busy(a, b) for a, b in inside)


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
