"""Which layers multiply the attempts of a request: a proxy that retries, or an app that repeats its calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from testbed.checks.judging.formatting import plural, trim
from testbed.checks.judging.view import View
from testbed.history.events import Request
from testbed.history.facts import of_the_load
from testbed.history.index import Index
from testbed.spec.edges import Edge


@dataclass(frozen=True)
class Layer:
    """What became of the requests at one service on one of its edges."""

    edge: str
    requests: int  # attempts that the caller received
    calls: int  # made by the caller's app
    attempts: int  # made by its proxy
    usual: float  # calls for each request at the caller in the baseline

    @property
    def by_proxy(self) -> bool:
        """Whether the proxy made more attempts than the app made calls."""
        return self.attempts > self.calls

    @property
    def by_app(self) -> bool:
        """Whether the app made more calls for each request than in the baseline."""
        return self.usual > 0 and self.calls > self.requests * self.usual * 1.01

    def __str__(self) -> str:
        """Return what multiplied, in words."""
        caller = Edge.parse(self.edge).caller
        said = [f"its proxy makes {plural(self.attempts, 'attempt')} of {plural(self.calls, 'call')}"] * self.by_proxy
        if self.by_app:
            usual = trim(f"{self.usual:.2f}")
            made = f"{plural(self.calls, 'call')} for {plural(self.requests, 'request')}"
            said.append(f"{caller} itself makes {made} ({usual} for each in the baseline)")
        return f"{self.edge}: {' and '.join(said)}"


def multiplying(view: View, request: Request, service: str) -> list[Layer]:
    """Return the layers above a service that multiplied the attempts of a request, from the entry down."""
    edges = [edge for edge in view.index.edges if not of_the_load(edge) and _leads_to(view.index, edge, service)]
    layers = (_layer(view, request, edge) for edge in edges)
    return [layer for layer in layers if layer.by_proxy or layer.by_app]


def _layer(view: View, request: Request, edge: str) -> Layer:
    here = _figures(view.index, [request])
    before = _figures(view.index, view.baseline.requests) if "baseline" in view.index.by_phase else Counter()
    into = f"into {Edge.parse(edge).caller}"
    usual = before[f"calls {edge}"] / before[into] if before[into] else 0.0
    return Layer(edge, here[into], here[f"calls {edge}"], here[f"attempts {edge}"], usual)


def _figures(index: Index, requests: Iterable[Request]) -> Counter[str]:
    """Count the calls and attempts of each edge, and the requests that each service got: the entry one each."""
    found: Counter[str] = Counter()
    for request in requests:
        found[f"into {index.facts.entry}"] += 1
        found.update(_counted(index, request))
    return found


def _counted(index: Index, request: Request) -> Iterator[str]:
    for attempt in index.attempts.by_request.get(request.id, ()):
        yield f"attempts {attempt.edge}"
        yield f"into {Edge.parse(attempt.edge).callee}"
    for call in index.calls.by_request.get(request.id, ()):
        yield f"calls {call.edge}"


def _leads_to(index: Index, edge: str, service: str) -> bool:
    """Whether an edge is on a way to a service."""
    found, todo = {Edge.parse(edge).callee}, [Edge.parse(edge).callee]
    while todo:
        caller = todo.pop()
        new = {one.callee for one in map(Edge.parse, index.edges) if one.caller == caller} - found
        found |= new
        todo += new
    return service in found


def said(layers: Iterable[Layer]) -> str:
    """Return the layers in words, "" if there is none."""
    text = "; ".join(map(str, layers))
    return f"what multiplies: {text}" if text else ""
