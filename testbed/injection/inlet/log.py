"""The inlet's log: one line for every request that arrived, written when it ended.

Whose answer was it? The callee's, if Envoy says `via_upstream` or the answer had begun. An injected fault's, if `FI`.
The callee's doing, too, if it closed or reset the connection without an answer (`UC`, `UR`): the inlet passed that on,
so the arrival has status 0 and is not our own. Nobody's, if the caller went away first (`DC`; `DR` where it gave up one
request of a connection that carries many). Everything else is the test's own plane: `UF` (the callee's process is not
there; passed on as a closed connection, status 0), and what must not happen at all (`UO`, `UH`, `UPE`, `NR`, a
time-out, ...).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from testbed.envoy.admin import counters
from testbed.envoy.flags import flags, outcome
from testbed.evidence.access_log import Fields, Reading, TrafficEvent, grpc, read, request_id, times
from testbed.evidence.completeness import Counts
from testbed.history.events import Arrival
from testbed.plan.values import Link

PASSED_ON = frozenset({"UC", "UR", "UF", "LR"})  # no answer: the inlet closed the caller's connection
NOT_OURS = frozenset({"FI", "DC", "DR", "UC", "UR"})


def parse(lines: Iterable[str], links: Sequence[Link], control: str) -> Reading:
    """Read the inlet's log. Lines of the control address ("ip:port") are right, but are nobody's arrival."""
    inlets = {link.inlet: link for link in links if link.inlet}

    def event(line: Fields) -> TrafficEvent | None:
        return None if line["local"] == control else _arrival(line, inlets[line["local"]])

    return read(lines, event)


def counts(admin: str) -> Counts:
    """Return what the inlet has counted. Raises `TestbedError` if it is silent."""
    return Counts(*counters(admin))


def _arrival(line: Fields, link: Link) -> Arrival:
    start, duration = times(line)
    said, details = flags(line["flags"]), str(line["details"])
    unanswered = _unanswered(said, details)
    return Arrival(
        request=request_id(line["baggage"]),
        edge=link.edge,
        caller=link.caller,
        callee=link.callee,
        attempt=int(line["attempt"]),
        start=start,
        duration_ms=duration,
        status=0 if unanswered else int(line["status"]),
        flags=said,
        fault=line["fault"] or "",
        path=line["path"] or "",
        own=_own(said, details),
        method=line["method"] or "",
        grpc_status=None if unanswered else grpc(line),
        outcome=outcome(said),
    )


def _unanswered(said: str, details: str) -> bool:
    return not _begun(details) and bool(PASSED_ON & set(said.split(",")))


def _own(said: str, details: str) -> bool:
    return not (_begun(details) or NOT_OURS & set(said.split(",")))


def _begun(details: str) -> bool:
    """Whether the callee's answer had begun."""
    return details == "via_upstream" or details.startswith("upstream_reset_after_response_started")
