"""The log of attempts of an app that calls without a proxy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from testbed.evidence.access_log import Fields, Reading, TrafficEvent, by_listen, read
from testbed.history.events import Attempt, Call
from testbed.history.outcomes import CLIENT_GONE, CONNECT_FAILED, RESET, TIMEOUT
from testbed.plan.values import Link

CODES = {"refused": CONNECT_FAILED, "reset": RESET, "timeout": TIMEOUT, "cancelled": CLIENT_GONE}


def parse(lines: Iterable[str], links: Sequence[Link]) -> Reading:
    """Read the log of the app of one replica with these outgoing links."""
    hosts = by_listen(links)
    edges = {link.edge.partition(" -> ")[2]: link for link in links}

    def event(line: Fields) -> TrafficEvent:
        edge = edges[line["to"]]
        if line["kind"] == "call":
            return _call(line, edge)
        return _attempt(line, edge, hosts.get(line["host"]))

    return read(lines, event)


def _attempt(line: Fields, edge: Link, link: Link | None) -> Attempt:
    return Attempt(
        request=str(line["request"]),
        edge=edge.edge,
        caller=edge.caller,
        callee=link.callee if link else "",
        number=int(line["try"]),
        start=float(line["start"]),
        duration_ms=float(line["ms"]),
        status=int(line["status"]),
        flags=str(line["error"]),
        source="app",
        call=str(line["call"]),
        grpc_status=line.get("grpc"),
        outcome=CODES.get(str(line["error"]), ""),
    )


def _call(line: Fields, edge: Link) -> Call:
    return Call(
        request=str(line["request"]),
        edge=edge.edge,
        caller=edge.caller,
        attempts=int(line["tries"]),
        start=float(line["start"]),
        duration_ms=float(line["ms"]),
        status=int(line["status"]),
        flags=str(line["error"]),
        call=str(line["call"]),
        grpc_status=line.get("grpc"),
        outcome=CODES.get(str(line["error"]), ""),
    )
