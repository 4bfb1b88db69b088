"""Runs of small systems with one bug each, told hop by hop: who is named as the place, the policy and the example."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from testbed.checks import Check, Verdict
from testbed.history.events import Arrival, Attempt, Call, Request
from testbed.history.outcomes import CLIENT_GONE, TIMEOUT
from tests.kit.story import SOURCES, Story

FLAGS = {CLIENT_GONE: "DC", TIMEOUT: "UT"}


def system(*edges: str, tcp: tuple[str, ...] = (), **timeouts: float) -> dict[str, Any]:
    """A topology with these edges, the first service as entry, and timeouts (ms) of edges written `front_mid=500`."""
    services: dict[str, Any] = {}
    for caller, callee in (edge.split(" -> ") for edge in edges):
        services.setdefault(caller, {"calls": []})["calls"].append({"to": callee})
        services.setdefault(callee, {"calls": []})
    for name in tcp:
        services[name] |= {"protocol": "tcp", "command": ["store"]}
    policies = [{"edge": key.replace("_", " -> "), "timeout": ms} for key, ms in timeouts.items()]
    return {"name": "small", "entry": edges[0].split(" -> ")[0], "services": services, "policies": policies}


class Planted(Story):
    """A run with a fault on one edge for its whole second phase; hops of its requests are told one by one."""

    def __init__(
        self,
        topology: dict[str, Any],
        fault: str,
        n: int = 4,
        *,
        sources: Sequence[str] = SOURCES,
        lasts_s: float = 10,
        **hold: Any,
    ) -> None:
        super().__init__(topology=topology, sources=sources)
        self.phase("baseline", 20)
        entry = topology["entry"]
        self.requests = self.phase("hold", n, rps=n / lasts_s, **hold)
        self.fault(0.2, 0.2 + lasts_s, edges=(fault,), links=(link(fault),), text=f"stall().on({fault!r})")
        self.events = [replica(one, entry) if isinstance(one, Request) else one for one in self.events]
        self.requests = [replica(one, entry) for one in self.requests]
        if topology["services"][fault.split(" -> ")[1]].get("protocol") != "tcp":
            self.hop(fault, of=-1)  # so that the fault touched something

    def hop(
        self,
        edge: str,
        *,
        ms: float = 5.0,
        status: int = 200,
        outcome: str = "",
        tries: int = 1,
        of: int = 0,
        at_ms: float = 1.0,
        refused: bool = False,
    ) -> None:
        """Record one call of a request on an edge: its attempts, each with its arrival, and its end."""
        request, (caller, callee) = self.requests[of], edge.split(" -> ")
        start, flags = request.sent + at_ms / 1000, FLAGS.get(outcome, "")
        key = f"{request.id}-{edge}-{len(self.events)}"
        for number in range(1, tries + 1):
            begun = start + (number - 1) * ms / tries / 1000
            end = {"status": status, "flags": flags, "outcome": outcome}
            self.events += [
                Attempt(request.id, edge, f"{caller}-1", f"{callee}-1", number, begun, ms / tries, **end, call=key),
                Arrival(request.id, edge, f"{caller}-1", f"{callee}-1", number, begun, ms / tries, **end, method="GET"),
            ]
        made = 0 if refused else tries
        last = {"status": status, "flags": flags, "outcome": outcome, "refused": refused}
        self.events.append(Call(request.id, edge, f"{caller}-1", made, start, ms, **last, call=key))

    def connection(self, edge: str, *, at_ms: float = 1.0, ms: float = 5.0, of: int = 0, **changes: Any) -> None:
        """Record one connection of a tcp edge, opened during a request."""
        caller, callee = edge.split(" -> ")
        usual = {"status": 0, "source": "connection", "sent": 4, "received": 0, "call": f"tcp.{len(self.events)}"}
        begun = self.requests[of].sent + at_ms / 1000
        self.events.append(Attempt("", edge, f"{caller}-1", f"{callee}-1", 1, begun, ms, **usual | changes))

    def red(self, check: Check) -> Verdict:
        """The verdict on a check, which must be violated."""
        found = self.verdict(check)
        assert found.outcome == "violated", found
        return found


def link(edge: str) -> str:
    """The link between the first replicas of an edge."""
    return "--".join(f"{name}-1" for name in edge.split(" -> "))


def replica(request: Request, entry: str) -> Request:
    """The request, sent to the entry's only replica."""
    return replace(request, replica=f"{entry}-1")
