"""The log of the inlet: one line for every arrival, written at its end.

The origin of the answer:

- the callee, if Envoy reports `via_upstream` or the answer had begun;
- an injected fault, if the flag is `FI`;
- the callee, if it closed or reset the connection without an answer (`UC`, `UR`): the inlet closes the caller's
  connection, so the arrival has status 0 and is not an answer of the testbed;
- none, if the caller disconnected first (`DC`; `DR` if it cancelled one request of a multiplexed connection);
- the test proxy in any other case: `UF` (the callee's process is down; the caller's connection is closed, status 0),
  and cases that must not happen (`UO`, `UH`, `UPE`, `NR`, a timeout, ...).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from testbed.envoy.admin import counters
from testbed.envoy.flags import flags, is_end, outcome
from testbed.evidence.access_log import Fields, Reading, TrafficEvent, content, grpc, pairs, read, request_id, times
from testbed.evidence.completeness import Counts
from testbed.history.events import Arrival
from testbed.history.outcomes import IN_FLIGHT, REJECTED
from testbed.plan.values import Link

PASSED_ON = frozenset({"UC", "UR", "UF", "LR"})  # no answer: the inlet closed the caller's connection
NOT_OURS = frozenset({"FI", "DC", "DR", "UC", "UR"})


def parse(lines: Iterable[str], links: Sequence[Link], control: str) -> Reading:
    """Read the inlet's log. Lines of the control address ("ip:port") are valid, but are no arrivals."""
    inlets = {link.inlet: link for link in links if link.inlet}

    def event(line: Fields) -> TrafficEvent | None:
        if line["local"] == control or (line["attempt"] is None and not is_end(line)):
            return None  # or its head is not complete
        return _arrival(line, inlets[line["local"]])

    return read(lines, event, is_end)


def counts(admin: str) -> Counts:
    """Return the counters of the inlet. Raises `TestbedError` if it does not answer."""
    return Counts(*counters(admin))


def _arrival(line: Fields, link: Link) -> Arrival:
    start, duration = times(line)
    said, details, under_way = _flags(line), str(line["details"]), not is_end(line)
    unanswered, own = _unanswered(said, details), not under_way and _by_testbed(said, details)
    status = 0 if unanswered else int(line["status"])
    rejected = own and line["attempt"] is None  # the inlet does not count what it does not accept
    return Arrival(
        request=line.get("id") or request_id(line["baggage"]),
        edge=link.edge,
        caller=link.caller,
        callee=link.callee,
        attempt=1 if rejected else int(line["attempt"]),
        start=start,
        duration_ms=duration,
        status=status,
        flags=details if rejected else said,
        fault=line["fault"] or "",
        path=line["path"] or "",
        own=own,
        method=line["method"] or "",
        grpc_status=None if unanswered else grpc(line),
        outcome=IN_FLIGHT
        if under_way
        else REJECTED
        if rejected
        else outcome(said, begun=not unanswered and _begun(details), status=status),
        answered_in="HTTP/2" if line.get("http2") else "",
        keys=pairs(line.get("keys")) + pairs(line.get("fields")),
        reset=bool(line.get("reset")),
        **content(line),
    )


def _flags(line: Fields) -> str:
    """The flags; an internal listener is between this Envoy and the app, so that UC may mean UF."""
    said = flags(line["flags"])
    return ",".join("UF" if flag == "UC" else flag for flag in said.split(",")) if line.get("refused") else said


def _unanswered(said: str, details: str) -> bool:
    return not _begun(details) and bool(PASSED_ON & set(said.split(",")))


def _by_testbed(said: str, details: str) -> bool:
    return not (_begun(details) or NOT_OURS & set(said.split(",")))


def _begun(details: str) -> bool:
    """Whether the callee's answer had begun."""
    return details == "via_upstream" or details.startswith("upstream_reset_after_response_started")
