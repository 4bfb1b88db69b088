"""The log of a mesh proxy: one line for each attempt (including refusals), one for each call after its attempts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from testbed.envoy.flags import flags, has_begun, is_end, outcome
from testbed.evidence.access_log import (
    Fields,
    Reading,
    TrafficEvent,
    by_listen,
    content,
    grpc,
    pairs,
    read,
    request_id,
    times,
)
from testbed.evidence.connections import CONNECTION, is_connection
from testbed.history.events import UNKNOWN, Attempt, Call
from testbed.history.outcomes import IN_FLIGHT, NO_HOST, REFUSED, REJECTED
from testbed.plan.values import Link

OUT_OF_TIME = "UT"  # Envoy flags the call and not the attempt when the timeout of the call ends it

ENDED = "TcpConnectionEnd"  # the last line of a connection; others are for its request and its establishment


def parse(lines: Iterable[str], links: Sequence[Link]) -> Reading:
    """Read a whole log at once; see `ProxyLog`."""
    return ProxyLog(links).read(lines)


@dataclass
class _Connection:
    """One connection of an app to its proxy, which carries one call after the other."""

    ended: float = 0.0  # end of the last call on it
    flags: str = ""  # of the last call
    calls: int = 0
    unsent: bool = False  # the proxy refused an attempt of the call under way


@dataclass
class ProxyLog:
    """Reads the log of one proxy with these outgoing links: of one replica, or of all replicas of a node.

    A call and its attempts get the same `call` key. Left out are calls to unknown services, and attempts that the
    proxy refused (it counts all and logs some of them): their call is `refused`. A retry that `maxRetries` or a budget
    forbids has no line: the call has the flag UO and the answer of the callee. A restarted proxy numbers its
    connections from the beginning, so later keys contain the number of the start.
    """

    links: Sequence[Link]
    life: int = 1
    _connections: dict[str, _Connection] = field(default_factory=dict)

    def read(self, lines: Iterable[str]) -> Reading:
        """Read the next part of the log, in whole lines."""
        hosts = by_listen(self.links)
        edges = {(caller, link.edge.partition(" -> ")[2]): link.edge for link in self.links for caller in link.callers}

        def event(line: Fields) -> TrafficEvent | None:
            edge = edges.get((str(line["caller"]), _callee(line["service"])))
            if line["kind"] == "connection":
                return connection(line, edge, hosts.get(line["host"]), self.life) if edge else None
            seen = self._placed(line)
            if edge is None and line["kind"] == "call" and is_end(line) and not _callee(line["service"]).strip("-"):
                edge = line.get("edge") or edges.get((str(line["caller"]), str(line["host"]).partition(":")[0]))
                return seen.rejected(edge) if edge else None
            if edge is None:
                return None
            if line["kind"] == "attempt":
                return seen.attempt(edge, hosts.get(line["host"]))
            return seen.rejected(edge) if seen.is_rejected else seen.call(edge)

        reading = read(lines, event, is_end)
        return replace(reading, events=tuple(one for one in reading.events if is_connection(one) or not unsent(one)))

    def _placed(self, line: Fields) -> _Line:
        """Find the call of a line. An attempt of a cancelled call is written after its call, any other before it."""
        start, duration = times(line)
        connection = self._connections.setdefault(str(line["connection"]), _Connection())
        late = start < connection.ended
        said, unsent = flags(line["flags"]), False
        ends_call = line["kind"] == "call" and is_end(line)
        if ends_call:
            unsent, connection.unsent = connection.unsent or outcome(said) == NO_HOST, False
            connection.ended, connection.flags = float(line["end"]), said
            connection.calls += 1
        elif not late:
            connection.unsent |= outcome(said) in REFUSED
        number = connection.calls + (not ends_call and not late)
        caller, life = str(line["caller"]), f"{self.life}/" if self.life > 1 else ""
        key = f"{caller}:{life}{line['connection']}.{number}"
        return _Line(line, caller, key, start, duration, connection.flags if late else OUT_OF_TIME, unsent)


def _callee(cluster: str | None) -> str:
    """The callee of a cluster: the last part of "checkout.pricing"; "" without a cluster."""
    return (cluster or "").rpartition(".")[2]


def unsent(event: TrafficEvent) -> bool:
    """Whether this attempt never left the proxy; Envoy counts it nevertheless."""
    return isinstance(event, Attempt) and event.outcome in REFUSED


@dataclass(frozen=True)
class _Line:
    """One partly parsed line."""

    fields: Fields
    caller: str
    key: str
    start: float
    duration_ms: float
    unsaid: str  # the flags for an attempt without an answer and without flags
    unsent: bool  # the last attempt of this call never left the proxy

    def attempt(self, edge: str, link: Link | None) -> Attempt:
        status, said = int(self.fields["status"]), flags(self.fields["flags"])
        said = said or (self.unsaid if status == 0 and is_end(self.fields) else "")
        return Attempt(
            request=request_id(self.fields["baggage"]),
            edge=edge,
            caller=self.caller,
            callee=link.callee if link else "",
            number=int(self.fields["number"]),
            start=self.start,
            duration_ms=self.duration_ms,
            status=status,
            flags=said,
            call=self.key,
            grpc_status=grpc(self.fields),
            outcome=self._outcome(said, begun=status != 0, status=status),
            method=self.fields.get("method") or "",
            path=self.fields.get("path") or "",
        )

    def call(self, edge: str) -> Call:
        said, status, status_grpc = flags(self.fields["flags"]), int(self.fields["status"]), grpc(self.fields)
        begun = has_begun(status, status_grpc, str(self.fields.get("details", "")))
        request = request_id(self.fields.get("id")) or request_id(self.fields["baggage"])
        return Call(
            request=request,
            edge=edge,
            caller=self.caller,
            attempts=int(self.fields["attempts"]) - self.unsent,
            start=self.start,
            duration_ms=self.duration_ms,
            status=status,
            flags=said,
            call=self.key,
            refused=self.unsent,
            grpc_status=status_grpc,
            outcome=self._outcome(said, refused=self.unsent, begun=begun, status=status),
            sent=int(self.fields.get("sent", UNKNOWN)),
            steering=pairs(self.fields.get("steering")),
            handed_on=() if request else pairs(self.fields.get("handed_on")),
            method=self.fields.get("method") or "",
            path=self.fields.get("path") or "",
            **content(self.fields),
        )

    def _outcome(self, said: str, *, refused: bool = True, begun: bool, status: int) -> str:
        return outcome(said, refused=refused, begun=begun, status=status) if is_end(self.fields) else IN_FLIGHT

    def rejected(self, edge: str) -> Call:
        """Return a call that the proxy answered before it had a route: it did not accept what the app sent."""
        details = str(self.fields.get("details") or "")
        call = replace(self, fields=self.fields | {"attempts": "0", "grpc": None}).call(edge)
        return replace(call, refused=False, flags=details or call.flags, outcome=REJECTED)

    @property
    def is_rejected(self) -> bool:
        """Whether the proxy itself answered, without an attempt and without a limit or a missing host."""
        fields = self.fields
        untold = not int(fields["attempts"]) and not flags(fields["flags"]) and not self.unsent
        return untold and is_end(fields) and int(fields["status"]) >= 400 and fields.get("details") != "via_upstream"


def connection(line: Fields, edge: str, link: Link | None, life: int) -> Attempt:
    """Read a line of Envoy's `tcp_proxy`; the duration of an open connection is infinite."""
    (start, duration), said = times(line), flags(line["flags"])
    ended = line["event"] == ENDED
    return Attempt(
        request="",
        edge=edge,
        caller=str(line["caller"]),
        callee=link.callee if link else "",
        number=1,
        start=start,
        duration_ms=duration if ended else math.inf,
        status=0,
        flags=said,
        source=CONNECTION,
        call=f"{line['caller']}:{life}/tcp.{line['connection']}",
        outcome=outcome(said),
        sent=int(line["sent"]) if ended else None,
        received=int(line["received"]) if ended else None,
    )
