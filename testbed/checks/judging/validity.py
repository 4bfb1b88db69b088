"""Reasons why a run cannot prove a check at all. They come before every check: no vacuous pass (rule 1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from testbed.checks.judging.base import Check
from testbed.checks.judging.clock import clock_jump
from testbed.checks.judging.formatting import count, plural
from testbed.checks.judging.never_reached import never_reached
from testbed.checks.judging.view import View, latency
from testbed.checks.judging.windows import without_a_fault
from testbed.history.detours import Detour
from testbed.history.events import Evidence, FaultEvent, ScheduleAdherence
from testbed.history.exposure import fault_windows, touch_source, touched, touched_indirectly
from testbed.history.index import Index
from testbed.history.mixed_up import mixed_up
from testbed.history.outcomes import REJECTED
from testbed.history.own_calls import own_calls
from testbed.history.propagation import blocking_loss, hit_requests_without_id
from testbed.history.unused_links import UnusedLink, bypassed_links, rejected_calls
from testbed.spec.edges import Edge
from testbed.spec.meshes import capabilities

SENT_ENOUGH = 0.99  # of the planned requests; with fewer the check is inconclusive
PROXY = "caller's proxy"
OBSERVERS = {"requests": "load", "arrivals": "inlet", "samples": PROXY}


@dataclass(frozen=True)
class Threat:
    """Why a verdict must be inconclusive, and what to look at next."""

    why: str
    next: str
    source: str = ""


def first_threat(check: Check, view: View) -> Threat | None:
    """Return the first reason why this check cannot be judged on this view, None if there is none."""
    return next((found for rule in _RULES for found in rule(check, view)), None)


def observer_of(index: Index, source: str) -> str:
    """Return what recorded a source: `load`, `inlet`, `caller's proxy`, or `app's own log` where there is no proxy."""
    proxied = index.run is None or capabilities(index.run.mesh).is_proxy
    own = index.attempts.all[0].source == "app" if index.attempts.all else not proxied
    return OBSERVERS.get(source) or ("app's own log" if own else "caller's proxy")


def hidden_attempts(view: View, edges: Sequence[str]) -> str:
    """Return why arrivals on these edges may be fewer than attempts, "" if no fault hides attempts."""
    hiding = [f for f in view.faults if f.plane != "inlet" and set(edges) & set(f.edges)]
    if not hiding:
        return ""
    return (
        f"the fault {hiding[0].id} {hiding[0].text} keeps attempts from arriving, so arrivals do not show them; "
        "this mesh does not record attempts at the caller"
    )


def ineffective(index: Index, fault: FaultEvent) -> Threat | None:
    """Return why a fault cannot match any request: the requests carry no id there."""
    if not (loss := blocking_loss(index, fault)):
        return None
    return Threat(f"{fault.text} cannot match its requests: {loss}", loss.remedy, observer_of(index, "attempts"))


def _bypassed(index: Index, one: UnusedLink | Detour) -> Threat:
    return Threat(str(one), one.remedy, observer_of(index, "attempts"))


def _of_an_unused_link(check: Check, view: View) -> Iterator[Threat]:
    """Yield a threat if the check is about a link that its caller never used."""
    about = check.on_edges(view.index)
    yield from (_bypassed(view.index, one) for one in bypassed_links(view.index) if one.edge in about)


def _ineffective_fault(check: Check, view: View) -> Iterator[Threat]:
    """Yield a threat from the start of a fault that cannot match any request, or whose only link was never used."""
    index = view.index
    for fault in index.faults:
        if fault.start >= view.window.end:
            continue
        if found := ineffective(index, fault):
            yield found
        elif fault.plane != "process" or not touched_indirectly(index, fault):  # a process is felt past its link, too
            yield from (_bypassed(index, one) for one in bypassed_links(index) if set(fault.edges) == {one.edge})


def _touched_nothing(check: Check, view: View) -> Iterator[Threat]:
    """Yield a threat from the start of a fault that matched no request."""
    index = view.index
    for part in fault_windows(index):
        fault = part[0]
        judged = fault.start < view.window.end and not any(hit_requests_without_id(index, window) for window in part)
        if judged and fault.injected and all(index.request_ids.isdisjoint(touched(index, window)) for window in part):
            source = touch_source(index, fault)
            there = sum(1 for r in index.requests if any(w.start <= r.intended < w.end for w in part))
            why = f"the fault {fault.id} {fault.text} touched none of {plural(there, 'request')}: "
            why += _no_trace(index, fault)
            next = "does the load reach this edge? testbed graph shows the calls"
            yield Threat(
                why,
                next if fault.links else "heal the fault later, or make its wait shorter",
                observer_of(index, source),
            )


def _limit_never_reached(check: Check, view: View) -> Iterator[Threat]:
    """Yield a threat from the start of a fault whose limit of bytes was above every answer that it met."""
    for part in fault_windows(view.index):
        fault = part[0]
        if fault.start < view.window.end and fault.injected and (why := never_reached(view.index, part)):
            why = f"the fault {fault.id} {fault.text} touched no answer: {why}"
            yield Threat(why, "a lower limit, or a request with a larger answer", "inlet")


def _window_without_a_fault(check: Check, view: View) -> Iterator[Threat]:
    """Yield a threat if no fault was in force in the window, or a fault that was met no request of it."""
    yield from (Threat(why, next, "testbed") for why, next in without_a_fault(check, view))


def _hit_no_packet(check: Check, view: View) -> Iterator[Threat]:
    """Yield a threat from the start of a packet fault that hit no packet."""
    for fault in view.index.faults:
        if fault.start < view.window.end and fault.injected and fault.packets == 0:
            why = f"the fault {fault.id} {fault.text} hit 0 packets (counters of the kernel)"
            yield Threat(why, "a higher percent=, more requests or a longer hold_s=", "kernel")


def _no_trace(index: Index, fault: FaultEvent) -> str:
    source = touch_source(index, fault)
    if not fault.links:
        return "it was healed during its wait, before it came into force"
    if source not in index.sources:
        return f"this mesh records no {source}, so a match cannot be seen"
    if touched(index, fault):
        if own := _only_own(index, fault, source):
            return f"only calls of {own}'s own met it, which no request caused"
        return "the requests on its links carry no request id: a service on the way does not propagate baggage"
    if refused := [one for one in rejected_calls(index) if one.edge in fault.edges]:
        return "; ".join(map(str, refused))
    if fault.behind:
        return f"no request was at {', '.join(fault.behind[:4])} while the fault was in force"
    if fault.plane == "inlet":
        return "no arrival matches its users, cohort, share and attempts"
    return f"no {source} on {', '.join(fault.links[:4])} while the fault was in force"


def _only_own(index: Index, fault: FaultEvent, source: str) -> str:
    """Return the callers with own calls on the edges of a fault, "" if other calls there have no id either."""
    joined = index.attempts if source == "attempts" else index.arrivals
    own = {edge: own_calls(index, source, edge) for edge in fault.edges}
    nameless = {edge: {one for one in joined.on(edge) if not one.request} for edge in fault.edges}
    if any(nameless[edge] - own[edge] for edge in fault.edges):
        return ""
    return ", ".join(Edge.parse(edge).caller for edge in fault.edges if own[edge])


def _cut_short(check: Check, view: View) -> Iterator[Threat]:
    """Yield a threat if the history is not complete: the missing part may change every verdict."""
    for event in view.index.evidence:
        if event.source == "history" and not event.complete:
            yield Threat(f"the history is not complete: {event.missing}", "run the test again to its end", "history")


def _clock_was_set(check: Check, view: View) -> Iterator[Threat]:
    """Yield a threat if the wall clock jumped at any time of the run."""
    if why := clock_jump(view.index):
        yield Threat(why, "run the test again; what sets the clock of this machine?", "testbed")


def _same_id(check: Check, view: View) -> Iterator[Threat]:
    twice = len(view.index.requests) - len(view.index.request_ids)
    if twice:
        why = f"{plural(twice, 'request')} of the load have the id of another request, so evidence cannot be joined"
        yield Threat(why, "ids must be unique in a run: please report this as a bug", "load")


def _load_was_short(check: Check, view: View) -> Iterator[Threat]:
    for phase, pace in paces(check.views(view)):
        recorded = len(view.index.by_phase[phase])
        if pace is None:
            yield Threat(f"there is no record of the load's schedule in {phase}", "did the run end early?", "load")
        elif pace.sent < SENT_ENOUGH * pace.planned:
            yield Threat(f"{_sent(pace)}: less than {SENT_ENOUGH:.0%} of the schedule", ADVICE, "load")
        elif recorded < pace.sent:
            why = f"{plural(pace.sent, 'request')} were sent in {phase}, only {count(recorded)} are recorded"
            yield Threat(why, "the load driver's log", "load")


def _load_missed_some(check: Check, view: View) -> Iterator[Threat]:
    for _, pace in paces(check.views(view)):
        if pace and check.bounds_latency() and pace.sent < pace.planned:
            yield Threat(f"{_sent(pace)}: the latencies of the other requests are unknown", ADVICE, "load")


ADVICE = "the machine is saturated: lower rps=, or stop other programs"


def _sent(pace: ScheduleAdherence) -> str:
    return f"the load sent {count(pace.sent)} of {plural(pace.planned, 'planned request')} in {pace.phase}"


def paces(views: Iterable[View]) -> Iterator[tuple[str, ScheduleAdherence | None]]:
    """Yield each phase of these views with the schedule adherence of the load (the sum of several loads)."""
    for judged in views:
        for phase in judged.window.phases:
            found = [pace for pace in judged.index.paces if pace.phase == phase]
            planned, sent = sum(pace.planned for pace in found), sum(pace.sent for pace in found)
            late = max((pace.late_p99_ms for pace in found), default=0.0)
            yield phase, ScheduleAdherence(phase, planned, sent, late) if found else None


def _empty_population(check: Check, view: View) -> Iterator[Threat]:
    for judged in check.views(view):
        if not judged.requests:
            there = f"{plural(len(judged.window.requests), 'request')} ({judged.window.name})"
            why = f"0 of {there} belong to the population {judged.population} (at least 1 needed)"
            yield Threat(why, "lengthen the phase, raise rps=, or set a rate for the cohort (cohort_rps=)", "load")


def _evidence_missing(check: Check, view: View) -> Iterator[Threat]:
    needed = [(source, edge) for source in check.needs(view) for edge in check.on_edges(view.index) or ("",)]
    for fault in view.population.faults:
        needed += [(touch_source(view.index, fault), edge) for edge in fault.edges]
    for source, edge in needed:
        if missing := missing_record(check.views(view), source, edge):
            where = f" on {edge}" if edge else ""
            why = f"the record of {source}{where} is not complete: {missing}"
            there = source in view.index.sources
            next = (
                f"the log of the {observer_of(view.index, source)}"
                if there
                else "run `testbed support`: it lists the evidence of each mesh"
            )
            yield Threat(why, next, observer_of(view.index, source))


def missing_record(views: Sequence[View], source: str, edge: str) -> str:
    """Return what is missing in the record of a source on an edge, "" if it is complete."""
    index = views[0].index
    if source not in index.sources:
        mesh = f"mesh {index.run.mesh}" if index.run else "this run"
        return f"{mesh} does not record {source}"
    about = [event for event in index.evidence if event.source == source]
    here = [event for event in about if not edge or not event.edges or edge in event.edges]
    here = [event for event in here if event.complete or any(_concerns(event, view) for view in views)]
    broken = [event.missing or "no reason given" for event in here if not event.complete]
    # An incomplete record that names its edges is complete for all other edges.
    vouched = any(event.complete for event in here) or any(not event.complete for event in about)
    return broken[0] if broken else "" if vouched else "there is no statement that it is complete"


def _concerns(event: Evidence, view: View) -> bool:
    """Whether the gap overlaps with a request of this view."""
    return not event.until or any(
        request.intended < event.until and request.intended + latency(request) / 1000 > event.since
        for request in view.requests
    )


def _context_lost(check: Check, view: View) -> Iterator[Threat]:
    """Yield a threat if events on an edge carry no request id: they may belong to any request."""
    index, window = view.index, view.window
    joined = {"attempts": index.attempts, "calls": index.calls, "arrivals": index.arrivals}
    for source, edge in product(sorted(set(check.needs(view)) & joined.keys()), check.on_edges(index)):
        there = [e for e in joined[source].on(edge) if window.start <= e.start < window.end]  # type: ignore[attr-defined]
        own = own_calls(index, source, edge)
        there = [event for event in there if event not in own]
        if any(event.outcome == REJECTED and not event.request for event in there):
            yield from (Threat(str(one), one.remedy, PROXY) for one in rejected_calls(index) if one.edge == edge)
            continue
        yield from (Threat(str(one), one.remedy, PROXY) for one in mixed_up(index) if one.edge == edge)
        lost = sum(1 for event in there if not event.request)
        if lost and not index.facts.is_tcp(edge):
            caller = Edge.parse(edge).caller
            why = f"{count(lost)} of {count(len(there))} {source} on {edge} carry no request id"
            why += f" ({count(len(own))} more are calls of {caller}'s own)" if own else ""
            yield Threat(why, f"does {caller} propagate baggage?", observer_of(index, source))


_RULES = (
    _cut_short,
    _clock_was_set,
    _of_an_unused_link,
    _ineffective_fault,
    _touched_nothing,
    _limit_never_reached,
    _hit_no_packet,
    _window_without_a_fault,
    _same_id,
    _load_was_short,
    _empty_population,
    _evidence_missing,
    _context_lost,
    _load_missed_some,
)
