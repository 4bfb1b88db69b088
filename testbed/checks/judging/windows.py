"""Whether the faults of a run were in force in the judged window, and met a request that was due in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from testbed.checks.judging.base import Check
from testbed.checks.judging.formatting import plural, seconds
from testbed.checks.judging.view import View, Window
from testbed.history.events import FaultEvent
from testbed.history.exposure import touched
from testbed.history.index import Index
from testbed.history.propagation import hit_requests_without_id

_OTHER_WINDOW = "heal the fault later, or judge the time that you mean: .during(...)"


def without_a_fault(check: Check, view: View) -> Iterator[tuple[str, str]]:
    """Yield why no fault can be judged in this window, and what to do next.

    A check that names its window, with `during` or by what it claims, is free to judge any time. So is every check of a
    control run, which has no fault.
    """
    faults = _by_id(view.index)
    if check.phase or check.default_phase or not faults:
        return
    window = check.views(view)[0].window
    here = {name: parts for name, parts in faults.items() if any(map(window.overlaps, parts))}
    if any(_acts_in(view.index, window, part) for parts in faults.values() for part in parts):
        return
    if not here:
        yield _nowhere(window, [part for parts in faults.values() for part in parts]), _OTHER_WINDOW
    for parts in here.values():
        if not _met(view.index, window, parts):
            requests = f"{plural(len(window.requests), 'request')} of {window.name}"
            why = f"the fault {parts[0].id} {parts[0].text} touched none of {requests}"
            yield why, _OTHER_WINDOW


def _by_id(index: Index) -> dict[str, list[FaultEvent]]:
    """Return the windows of each fault that was in force."""
    groups: dict[str, list[FaultEvent]] = defaultdict(list)
    for fault in index.faults:
        if fault.injected and fault.links:
            groups[fault.id].append(fault)
    return groups


def _acts_in(index: Index, window: Window, fault: FaultEvent) -> bool:
    """Whether a fault without a duration, such as a restart, was the last thing before this window began."""
    between = (phase for phase in index.phases if fault.end < phase.start < window.start)
    return fault.momentary and fault.end <= window.start and next(between, None) is None


def _met(index: Index, window: Window, parts: Sequence[FaultEvent]) -> bool:
    """Whether a fault touched a request of this window, or requests without an id, which may be of any time."""
    ids = frozenset(request.id for request in window.requests)
    return any(hit_requests_without_id(index, one) or not ids.isdisjoint(touched(index, one)) for one in parts)


def _nowhere(window: Window, faults: Sequence[FaultEvent]) -> str:
    before = [fault for fault in faults if fault.end <= window.start]
    last = max(before or faults, key=lambda fault: fault.end)
    when = (
        f"was healed {seconds(window.start - last.end)} before {window.name} began"
        if before
        else f"began {seconds(last.start - window.end)} after {window.name} ended"
    )
    return f"no fault was in force in {window.name}: {last.id} {last.text} {when}"
