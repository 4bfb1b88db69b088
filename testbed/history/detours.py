"""Edges on which callers made connections past their links, where no fault on the edge acts and no policy holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from testbed.history.index import Index, remembered

FEW = 5  # closed connections without an owner that may be readiness checks
CHECKS = 3  # readiness checks of one start of a process that may have left a connection
MOST = 3  # addresses that are named
STARTS = ("started", "restarted")


@dataclass(frozen=True)
class Detour:
    """The connections of a service past its link on one edge."""

    edge: str
    past: int
    own: int
    to: tuple[str, ...]
    owned: bool

    def __str__(self) -> str:
        """Return it as a sentence."""
        caller, _, callee = self.edge.partition(" -> ")
        where = ", ".join(self.to[:MOST]) + (" ..." if len(self.to) > MOST else "")
        if not self.owned:
            return (
                f"{self.past} connections to {callee} came past the mesh, not over its link ({self.edge}): {where}; "
                f"they are closed, so it is not known whose they were: {caller} calls {callee}"
            )
        return (
            f"{caller} has {self.past} of {self.past + self.own} connections to {callee} past its link "
            f"({self.edge}), past the mesh: {where}"
        )

    @property
    def remedy(self) -> str:
        """What to check."""
        caller, _, callee = self.edge.partition(" -> ")
        return (
            f"no fault on the edge acts on them and no policy holds: where does {caller} have the address from (a "
            f"registry, a redirect, an address that {callee} itself tells)? Let {callee} tell the address of the link"
        )


@remembered
def detours(index: Index) -> Mapping[str, Detour]:
    """Return the edges with connections past the link."""
    found: dict[str, Detour] = {}
    for event in index.detours:
        one = found.get(event.edge, Detour(event.edge, 0, 0, (), event.owned))
        to = tuple(dict.fromkeys([*one.to, *event.to]))
        found[event.edge] = Detour(event.edge, one.past + event.past, one.own + event.own, to, event.owned)
    starts = _starts(index)
    return {e: one for e, one in found.items() if one.owned or one.past > FEW + CHECKS * starts[e.partition(" -> ")[2]]}


def _starts(index: Index) -> Mapping[str, int]:
    """Return how often processes of each service were started during the run."""
    found: dict[str, int] = defaultdict(int)
    services = {replica: service for service, names in index.facts.replicas.items() for replica in names}
    for event in index.processes:
        if event.event in STARTS:
            found[services.get(event.process.partition("/")[0], "")] += 1
    return found
