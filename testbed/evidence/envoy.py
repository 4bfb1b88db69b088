"""A sidecar's log: one line a try (refusals included), one line a call when all its tries are over."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from testbed.evidence.lines import Fields, Reading, Seen, by_listen, flags, read, request_id, times
from testbed.history import Attempt, Call
from testbed.plan import Link

OUT_OF_TIME = "UT"  # Envoy flags the call, not the try, when the time of the whole call is over
NOBODY = "UH"  # no host could be chosen: Envoy counts a try that was never made


def parse(lines: Iterable[str], links: Sequence[Link]) -> Reading:
    """Read a whole log at once; see `SidecarLog`."""
    return SidecarLog(links).read(lines)


@dataclass
class _Connection:
    """One connection of the app to its sidecar, which carries one call after the other."""

    ended: float = 0.0  # when the last call on it was over
    flags: str = ""  # of the last call
    calls: int = 0


@dataclass
class SidecarLog:
    """Reads the log of one replica's sidecar, whose outgoing links these are.

    A call and its tries get the same `call` key. Calls to a service that the sidecar does not know are left out.
    """

    links: Sequence[Link]
    _connections: dict[str, _Connection] = field(default_factory=dict)

    def read(self, lines: Iterable[str]) -> Reading:
        """Read the next part of the log, in whole lines."""
        hosts = by_listen(self.links)
        edges = {link.edge.partition(" -> ")[2]: link.edge for link in self.links}

        def event(line: Fields) -> Seen | None:
            seen = self._placed(line)
            edge = edges.get(line["service"])
            if edge is None:
                return None
            return seen.attempt(edge, hosts.get(line["host"])) if line["kind"] == "attempt" else seen.call(edge)

        return read(lines, event)

    def _placed(self, line: Fields) -> _Line:
        """Find the call of a line. A try of a cancelled call is written after its call, any other before it."""
        start, duration = times(line)
        connection = self._connections.setdefault(str(line["connection"]), _Connection())
        late = start < connection.ended
        if line["kind"] == "call":
            connection.ended, connection.flags = float(line["end"]), flags(line["flags"])
            connection.calls += 1
        number = connection.calls + (line["kind"] == "attempt" and not late)
        key = f"{self._caller}:{line['connection']}.{number}"
        return _Line(line, self._caller, key, start, duration, unsaid=connection.flags if late else OUT_OF_TIME)

    @property
    def _caller(self) -> str:
        return self.links[0].caller if self.links else ""


@dataclass(frozen=True)
class _Line:
    """One line, half understood."""

    fields: Fields
    caller: str
    key: str
    start: float
    duration_ms: float
    unsaid: str  # the flags of a try without answer for which Envoy gives none

    def attempt(self, edge: str, link: Link | None) -> Attempt:
        status, said = int(self.fields["status"]), flags(self.fields["flags"])
        return Attempt(
            request=request_id(self.fields["baggage"]),
            edge=edge,
            caller=self.caller,
            callee=link.callee if link else "",
            number=int(self.fields["number"]),
            start=self.start,
            duration_ms=self.duration_ms,
            status=status,
            flags=said or (self.unsaid if status == 0 else ""),
            call=self.key,
        )

    def call(self, edge: str) -> Call:
        said = flags(self.fields["flags"])
        return Call(
            request=request_id(self.fields["baggage"]),
            edge=edge,
            caller=self.caller,
            attempts=int(self.fields["attempts"]) - (NOBODY in said.split(",")),
            start=self.start,
            duration_ms=self.duration_ms,
            status=int(self.fields["status"]),
            flags=said,
            call=self.key,
        )
