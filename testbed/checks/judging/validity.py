"""Reasons why a run cannot answer a check at all, asked before any check judges: no vacuous pass (rule 1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from testbed.checks.judging.base import Check
from testbed.checks.judging.formatting import count, plural
from testbed.checks.judging.view import View, latency
from testbed.history.events import Evidence, FaultEvent, Pace
from testbed.history.exposure import touch_source, touched, windows
from testbed.history.index import Index
from testbed.history.propagation import Unused, beyond, met_strangers, unused
from testbed.spec.edges import Edge
from testbed.spec.meshes import capabilities

SENT_ENOUGH = 0.99  # of the plan; below it nothing is judged
OBSERVERS = {"requests": "load", "arrivals": "inlet", "samples": "caller's proxy"}


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
    """Return who recorded a source: `load`, `inlet`, `caller's proxy`, or `app's own log` where there is no proxy."""
    proxied = index.run is None or capabilities(index.run.mesh).is_proxy
    own = index.attempts.all[0].source == "app" if index.attempts.all else not proxied
    return OBSERVERS.get(source) or ("app's own log" if own else "caller's proxy")


def hidden_attempts(view: View, edges: Sequence[str]) -> str:
    """Return why arrivals on these edges may be fewer than attempts, "" if nothing hid any."""
    hiding = [f for f in view.faults if f.plane != "inlet" and set(edges) & set(f.edges)]
    if not hiding:
        return ""
    return (
        f"arrivals cannot show attempts that {hiding[0].id} {hiding[0].text} kept from arriving, and this mesh "
        "records no attempts at the caller; they would have been enough"
    )


def ineffective(index: Index, fault: FaultEvent) -> Threat | None:
    """Return why no request can feel a fault: its requests cannot be told apart there, or its only link is not used."""
    if dropper := beyond(index, fault):
        why = f"{fault.text} cannot find its requests: {dropper}"
        return Threat(why, dropper.remedy, observer_of(index, "attempts"))
    return next((_past_the_mesh(index, one) for one in unused(index) if set(fault.edges) == {one.edge}), None)


def _past_the_mesh(index: Index, one: Unused) -> Threat:
    return Threat(str(one), one.remedy, observer_of(index, "attempts"))


def _of_an_unused_link(check: Check, view: View) -> Iterator[Threat]:
    """Nothing can be said of a link that its caller never used."""
    about = check.on_edges(view.index)
    yield from (_past_the_mesh(view.index, one) for one in unused(view.index) if one.edge in about)


def _ineffective_fault(check: Check, view: View) -> Iterator[Threat]:
    """Nothing can be said from the start of a fault on that no request can feel."""
    for fault in view.index.faults:
        if fault.start < view.window.end and (found := ineffective(view.index, fault)):
            yield found


def _touched_nothing(check: Check, view: View) -> Iterator[Threat]:
    """Nothing can be said from the start of a fault on that met no request."""
    index = view.index
    for part in windows(index):
        fault = part[0]
        met = fault.start < view.window.end and not any(met_strangers(index, window) for window in part)
        if met and fault.injected and all(index.request_ids.isdisjoint(touched(index, window)) for window in part):
            source = touch_source(index, fault)
            there = sum(1 for r in index.requests if any(w.start <= r.intended < w.end for w in part))
            why = f"the fault {fault.id} {fault.text} touched none of {plural(there, 'request')}: "
            why += _no_trace(index, fault)
            next = "does the load reach that edge? testbed graph shows who calls whom"
            yield Threat(why, next if fault.links else "heal later, or let it wait less", observer_of(index, source))


def _hit_no_packet(check: Check, view: View) -> Iterator[Threat]:
    """Nothing can be said from the start of a packet fault on that hit no packet."""
    for fault in view.index.faults:
        if fault.start < view.window.end and fault.injected and fault.packets == 0:
            why = f"the fault {fault.id} {fault.text} hit no packet: the kernel's own counters say so"
            yield Threat(why, "a higher percent=, more requests or a longer hold_s=", "kernel")


def _no_trace(index: Index, fault: FaultEvent) -> str:
    source = touch_source(index, fault)
    if not fault.links:
        return "it waited, and was healed before it had come into force"
    if source not in index.sources:
        return f"this mesh records no {source}, so nobody could have seen it"
    if touched(index, fault):
        return "those that it met carry no request id of this load: a service on the way does not forward baggage"
    if fault.behind:
        return f"none of them was at {', '.join(fault.behind[:4])} while it was in force"
    if fault.plane == "inlet":
        return "no arrival was hit by it; is there a request of its users, cohort and attempts on that edge?"
    return f"none of the {source} went over {', '.join(fault.links[:4])} while it was in force"


def _cut_short(check: Check, view: View) -> Iterator[Threat]:
    """Nothing can be said of a history that is not all: what is missing may have been anything."""
    for event in view.index.evidence:
        if event.source == "history" and not event.complete:
            yield Threat(f"the history is not complete: {event.missing}", "run the test again, to its end", "history")


def _same_id(check: Check, view: View) -> Iterator[Threat]:
    twice = len(view.index.requests) - len(view.index.request_ids)
    if twice:
        why = f"{plural(twice, 'request')} of the load share an id with another, so evidence cannot be joined"
        yield Threat(why, "ids must be unique in a run: report this", "load")


def _load_was_short(check: Check, view: View) -> Iterator[Threat]:
    for phase, pace in paces(check.views(view)):
        recorded = len(view.index.by_phase[phase])
        if pace is None:
            yield Threat(f"nothing says how the load kept its schedule in {phase}", "the run ended early?", "load")
        elif pace.sent < SENT_ENOUGH * pace.planned:
            yield Threat(f"{_sent(pace)}: less than {SENT_ENOUGH:.0%} of the schedule", ADVICE, "load")
        elif recorded < pace.sent:
            why = f"{plural(pace.sent, 'request')} were sent in {phase}, only {count(recorded)} are recorded"
            yield Threat(why, "the load driver's log", "load")


def _load_missed_some(check: Check, view: View) -> Iterator[Threat]:
    for _, pace in paces(check.views(view)):
        if pace and check.late_limit_ms() < float("inf") and pace.sent < pace.planned:
            yield Threat(f"{_sent(pace)}: latencies of the missing ones are unknown", ADVICE, "load")


ADVICE = "the machine is saturated: lower rps=, or close what else runs on it"


def _sent(pace: Pace) -> str:
    return f"the load sent {count(pace.sent)} of {plural(pace.planned, 'planned request')} in {pace.phase}"


def paces(views: Iterable[View]) -> Iterator[tuple[str, Pace | None]]:
    """Yield each phase of these views, with how the load kept its schedule in it (several loads added up)."""
    for judged in views:
        for phase in judged.window.phases:
            found = [pace for pace in judged.index.paces if pace.phase == phase]
            planned, sent = sum(pace.planned for pace in found), sum(pace.sent for pace in found)
            late = max((pace.late_p99_ms for pace in found), default=0.0)
            yield phase, Pace(phase, planned, sent, late) if found else None


def _empty_population(check: Check, view: View) -> Iterator[Threat]:
    for judged in check.views(view):
        if not judged.requests:
            there = f"{plural(len(judged.window.requests), 'request')} ({judged.window.name})"
            why = f"none of {there} belongs to the population {judged.population}; one would have been enough to judge"
            yield Threat(why, "lengthen the phase, raise rps=, or set the cohort's own rate (cohort_rps=)", "load")


def _evidence_missing(check: Check, view: View) -> Iterator[Threat]:
    needed = [(source, edge) for source in check.needs(view) for edge in check.on_edges(view.index) or ("",)]
    for fault in view.population.faults:
        needed += [(touch_source(view.index, fault), edge) for edge in fault.edges]
    for source, edge in needed:
        if missing := _missing(check.views(view), source, edge):
            where = f" on {edge}" if edge else ""
            why = f"the record of {source}{where} is not complete: {missing}"
            there = source in view.index.sources
            next = (
                f"the log of the {observer_of(view.index, source)}" if there else "testbed support: which mesh shows it"
            )
            yield Threat(why, next, observer_of(view.index, source))


def _missing(views: Sequence[View], source: str, edge: str) -> str:
    index = views[0].index
    if source not in index.sources:
        mesh = f"mesh {index.run.mesh}" if index.run else "this run"
        return f"{mesh} cannot show {source}"
    about = [event for event in index.evidence if event.source == source]
    here = [event for event in about if not edge or not event.edges or edge in event.edges]
    here = [event for event in here if event.complete or any(_concerns(event, view) for view in views)]
    broken = [event.missing or "no reason given" for event in here if not event.complete]
    # An incomplete record that names its edges vouches for the others.
    vouched = any(event.complete for event in here) or any(not event.complete for event in about)
    return broken[0] if broken else "" if vouched else "nothing says that all of it was gathered"


def _concerns(event: Evidence, view: View) -> bool:
    """Whether what is missing may belong to a request of this view: one that was under way at that time."""
    return not event.until or any(
        request.intended < event.until and request.intended + latency(request) / 1000 > event.since
        for request in view.requests
    )


def _context_lost(check: Check, view: View) -> Iterator[Threat]:
    """Nothing can be counted on an edge where some events carry no request id: they may belong to any request."""
    index, window = view.index, view.window
    joined = {"attempts": index.attempts, "calls": index.calls, "arrivals": index.arrivals}
    for source, edge in product(sorted(set(check.needs(view)) & joined.keys()), check.on_edges(index)):
        there = [e for e in joined[source].on(edge) if window.start <= e.start < window.end]  # type: ignore[attr-defined]
        lost = sum(1 for event in there if not event.request)
        if lost and not index.wiring.is_tcp(edge):
            caller = Edge.parse(edge).caller
            why = f"{count(lost)} of {count(len(there))} {source} on {edge} carry no request id"
            yield Threat(why, f"does {caller} forward the baggage header?", observer_of(index, source))


_RULES = (
    _cut_short,
    _of_an_unused_link,
    _ineffective_fault,
    _touched_nothing,
    _hit_no_packet,
    _same_id,
    _load_was_short,
    _empty_population,
    _evidence_missing,
    _context_lost,
    _load_missed_some,
)
