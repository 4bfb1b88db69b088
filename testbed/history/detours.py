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
    past: int = 0
    own: int = 0
    closed: int = 0  # past the link, too; closed ones, of which the kernel does not tell whose they were
    to: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return it as a sentence."""
        caller, _, callee = self.edge.partition(" -> ")
        where = ", ".join(self.to[:MOST]) + (" ..." if len(self.to) > MOST else "")
        if not self.past:
            return (
                f"{self.closed} connections to {callee} came past the mesh, not over the link {self.edge}: {where}; "
                f"they are closed, so it is not known whose they were: {caller} calls {callee}"
            )
        more = f", and {self.closed} closed ones were there" if self.closed else ""
        return (
            f"{caller} has {self.past} of {self.past + self.own} connections to {callee} past its link and the mesh "
            f"({self.edge}): {where}{more}"
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
    starts = _starts(index)
    for event in index.detours:
        if not event.owned and event.past <= FEW + CHECKS * starts[event.edge.partition(" -> ")[2]]:
            continue
        one, past = found.get(event.edge, Detour(event.edge)), event.past if event.owned else 0
        to, closed = tuple(dict.fromkeys([*one.to, *event.to])), event.past - past
        found[event.edge] = Detour(event.edge, one.past + past, one.own + event.own, one.closed + closed, to)
    return found


def _starts(index: Index) -> defaultdict[str, int]:
    """Return how often processes of each service were started during the run."""
    found: defaultdict[str, int] = defaultdict(int)
    services = {replica: service for service, names in index.facts.replicas.items() for replica in names}
    for event in index.processes:
        if event.event in STARTS:
            found[services.get(event.process.partition("/")[0], "")] += 1
    return found
