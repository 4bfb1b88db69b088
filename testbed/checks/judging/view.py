"""What a check reads: the requests of one population in one window, and the events that they caused."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from testbed.errors import CheckError, nearest
from testbed.history.events import Arrival, Attempt, Call, FaultEvent, Request
from testbed.history.exposure import touched
from testbed.history.facts import TopologyFacts, facts_of
from testbed.history.index import Index, Joined
from testbed.history.requests_at import first_fault

if TYPE_CHECKING:
    from testbed.checks.judging.selection import Selection
    from testbed.spec.topology import Topology

T = TypeVar("T", Attempt, Call, Arrival)


def latency(request: Request) -> float:
    """Return the latency in milliseconds; infinite for a request without an answer."""
    return request.latency_ms if request.answered else math.inf


@dataclass(frozen=True)
class Window:
    """A named period of time, and the requests that were due in it."""

    name: str
    start: float
    end: float
    requests: Sequence[Request]
    phases: tuple[str, ...]  # the phases of its requests

    def overlaps(self, fault: FaultEvent) -> bool:
        """Whether the fault was in force at some time in this window."""
        return fault.start < self.end and fault.end > self.start


@dataclass(frozen=True)
class Population:
    """A selection of requests. `faults` are the faults that selected it, if the selection depends on the run."""

    name: str
    includes: Callable[[Request], bool]
    faults: tuple[FaultEvent, ...] = ()
    selection: Selection | None = None  # that the check named

    def narrowed(self, selection: Selection) -> Population:
        """Return the part of this population that a check names."""
        return Population(
            f"{self.name}, {selection.words}",
            lambda request: self.includes(request) and selection.includes(request),
            self.faults,
            selection,
        )

    @property
    def beforehand(self) -> Population:
        """The same users before the first fault; all that the check names, if the selection depends on the run."""
        if not self.faults:
            return self
        return EVERYONE.narrowed(self.selection) if self.selection else EVERYONE

    def __str__(self) -> str:
        """Return the name, marked as descriptive if the selection depends on the run."""
        return f"{self.name} (descriptive)" if self.faults else self.name


class View:
    """The requests of a population in a window, and what they caused."""

    def __init__(self, index: Index, population: Population, window: Window) -> None:
        self.index, self.population, self.window = index, population, window

    @cached_property
    def requests(self) -> Sequence[Request]:
        """The requests, in the order of the history."""
        return [request for request in self.window.requests if self.population.includes(request)]

    @cached_property
    def ids(self) -> frozenset[str]:
        """The ids of the requests."""
        return frozenset(request.id for request in self.requests)

    def attempts(self, edge: str) -> Sequence[Attempt]:
        """Return the attempts on an edge that these requests caused, whenever they happened."""
        return self._caused(self.index.attempts, edge)

    def calls(self, edge: str) -> Sequence[Call]:
        """Return the calls on an edge that these requests caused, whenever they happened."""
        return self._caused(self.index.calls, edge)

    def arrivals(self, edge: str) -> Sequence[Arrival]:
        """Return the arrivals on an edge that these requests caused, whenever they happened."""
        return self._caused(self.index.arrivals, edge)

    @cached_property
    def faults(self) -> tuple[FaultEvent, ...]:
        """The faults that were in force at some time of the window."""
        return tuple(fault for fault in self.index.faults if self.window.overlaps(fault))

    @cached_property
    def baseline(self) -> View:
        """The same users before the first fault; all users if the selection depends on the run."""
        return View(self.index, self.population.beforehand, phase_window(self.index, "baseline"))

    @property
    def rate(self) -> float:
        """Requests a second of this population."""
        lasted = self.window.end - self.window.start
        return len(self.requests) / lasted if lasted > 0 else 0.0

    def edges(self) -> tuple[str, ...]:
        """Return the edges of the faults that carried traffic: a verdict is about these if its check names no edge.

        A fault of a service acts on every edge to it, also on those that no request used. If none was used: all.
        """
        faults = self.faults or [fault for fault in self.index.faults if fault.end <= self.window.start]
        hit = tuple(dict.fromkeys(edge for fault in faults for edge in fault.edges))
        return tuple(edge for edge in hit if self.index.is_used(edge)) or hit

    def policies(self, edges: Iterable[str]) -> str:
        """Return the policies of these edges as in the topology, each with its edge if there are several.

        If policies were changed in this window, all of them in order.
        """
        chosen = list(edges)
        texts = [", then ".join(self._policies(edge)) for edge in chosen]
        return texts[0] if len(texts) == 1 else "\n".join(f"{e}: {text}" for e, text in zip(chosen, texts, strict=True))

    def _policies(self, edge: str) -> Iterable[str]:
        known = map(facts_of, self._in_force)
        return dict.fromkeys(one.policies.get(edge, "no policy: no timeout, no retries") for one in known)

    @cached_property
    def facts(self) -> TopologyFacts:
        """The facts of the topology in force. Raises `CheckError` if policies were changed in this window."""
        return facts_of(self._one_in_force)

    @cached_property
    def topology(self) -> Topology:
        """The topology in force as a model. Raises `TopologyError` if this version cannot read it."""
        from testbed.spec.load import recorded_topology

        return recorded_topology(self._one_in_force)

    @cached_property
    def _in_force(self) -> Sequence[Mapping[str, object]]:
        return self.index.topologies(self.window.start, self.window.end)

    @property
    def _one_in_force(self) -> Mapping[str, object]:
        if len(self._in_force) > 1:
            raise CheckError(f"policies were changed in {self.window.name!r}: judge one phase, with .during(...)")
        return self._in_force[0]

    def _caused(self, joined: Joined[T], edge: str) -> Sequence[T]:
        return [event for event in joined.on(edge) if event.request in self.ids]


EVERYONE = Population("all", lambda request: True)


def window_of(index: Index, phase: str | None) -> Window:
    """Return the phase of this name. Without a name: "hold", else the windows of the faults, else all but warm-up."""
    if phase is not None:
        return phase_window(index, phase)
    if "hold" in index.by_phase:
        return phase_window(index, "hold")
    return _fault_window(index) if index.faults else after_warm_up(index)


def phase_window(index: Index, name: str) -> Window:
    """Return one phase; `CheckError` if the run has none of that name."""
    if name not in index.by_phase or not name:
        raise CheckError(f"this run has no phase {name!r}{nearest(name, filter(None, index.by_phase))}")
    times = [(phase.start, phase.end) for phase in index.phases if phase.name == name]
    return _window(name, index.by_phase[name], times, (name,))


def after_first_fault(index: Index) -> Window:
    """Return everything from the first fault on, in all phases; all but the warm-up if there is no fault."""
    if not index.faults:
        return after_warm_up(index)
    start = min(fault.start for fault in index.faults)
    chosen = [request for request in index.requests if request.intended + request.latency_ms / 1000 > start]
    end = max([start, *(phase.end for phase in index.phases)])
    return _window("from the first fault on", chosen, [(start, end)])


def _fault_window(index: Index) -> Window:
    times = [(fault.start, fault.end) for fault in index.faults]
    chosen = [r for r in index.requests if any(start <= r.intended < end for start, end in times)]
    return _window("while a fault was active", chosen, times)


def before_first_fault(index: Index) -> Window | None:
    """Return everything before the first fault except the warm-up; None in a run without faults."""
    start = first_fault(index)
    if start == math.inf:
        return None
    chosen = [r for r in after_warm_up(index).requests if r.intended + r.latency_ms / 1000 <= start]
    begun = min((request.intended for request in chosen), default=start)
    return _window("the time before the fault", chosen, [(begun, start)])


def after_warm_up(index: Index) -> Window:
    """Return everything but the warm-up."""
    times = [(phase.start, phase.end) for phase in index.phases if phase.name != "warm-up"]
    return _window("all but warm-up", [r for r in index.requests if r.phase != "warm-up"], times)


def _window(
    name: str, requests: Sequence[Request], times: Iterable[tuple[float, float]], phases: tuple[str, ...] = ()
) -> Window:
    known = list(times) or [(r.intended, r.intended) for r in requests] or [(0.0, 0.0)]
    met = phases or tuple(dict.fromkeys(request.phase for request in requests if request.phase))
    return Window(name, min(start for start, _ in known), max(end for _, end in known), requests, met)


def population(index: Index, name: str) -> Population:
    """Return one of the five populations; `CheckError` if the faults of this run do not define it."""
    if name == "all":
        return EVERYONE
    if not index.faults:
        raise CheckError(f"{name}=: this run has no fault, so this population does not exist; use all=")
    faults = tuple(index.faults)
    if name in ("affected", "unaffected"):
        hit = _fixed_beforehand(name, faults)
        return Population(name, hit if name == "affected" else lambda request: not hit(request))
    ids = frozenset().union(*(touched(index, fault) for fault in faults))
    wanted = name == "touched"
    return Population(name, lambda request: (request.id in ids) is wanted, faults)


def outside_scope(index: Index) -> Population:
    """Return all users except those in the scope of a fault."""
    scoped = [fault for fault in index.faults if fault.users is not None or fault.cohort is not None]
    hit = _hit(scoped)
    return Population("all outside the faults' scope", lambda r: not hit(r)) if scoped else EVERYONE


def _fixed_beforehand(name: str, faults: Sequence[FaultEvent]) -> Callable[[Request], bool]:
    loose = [fault for fault in faults if fault.users is None and fault.cohort is None]
    if loose:
        raise CheckError(
            f"{name}= needs faults with a fixed scope (users or a cohort), and {loose[0].id} {loose[0].text} has "
            "none: use touched= and untouched= (selected from the record, so only descriptive), or all="
        )
    return _hit(faults)


def _hit(faults: Sequence[FaultEvent]) -> Callable[[Request], bool]:
    """Return whether a request is in the scope of one of these faults."""
    users = [(None if fault.users is None else frozenset(fault.users), fault.cohort) for fault in faults]
    return lambda request: any(
        (named is None or request.user in named) and cohort in (None, request.cohort) for named, cohort in users
    )
