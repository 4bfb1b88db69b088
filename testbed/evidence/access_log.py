"""The common part of the log readers: JSON lines in, objects out. Unreadable lines are counted, never fatal."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict
from urllib.parse import unquote

from testbed.history.events import Arrival, Attempt, Call
from testbed.history.lines import loads
from testbed.plan.values import Link

TrafficEvent = Attempt | Call | Arrival
Fields = dict[str, Any]

_ID = re.compile(r"(?:^|,)\s*tb\.id\s*=\s*([^,;\s]+)")
_PLAIN = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Reading:
    """The events of a log, and the counts of its lines."""

    events: tuple[TrafficEvent, ...]
    garbage: int = 0  # unknown or incomplete lines
    ended: int = 0  # lines that end a request or call, as the counters of the writer count them


def ends_always(line: Fields) -> bool:
    """Every line of a log ends a request or call."""
    return True


def read(
    lines: Iterable[str], event: Callable[[Fields], TrafficEvent | None], ends: Callable[[Fields], bool] = ends_always
) -> Reading:
    """Turn each line into an event; `event` returns None for a valid line without an event.

    `ends`: whether a line is the last of its request; others tell that it is under way.

    A line is garbage if it is not a JSON object, or if `event` raises an error of a wrong type or value.
    """
    found: list[TrafficEvent | None] = []
    garbage = ended = 0
    for line in lines:
        try:
            fields = _fields(line)
            found.append(event(fields))
            ended += ends(fields) and not isinstance(found[-1], Attempt)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):  # anything may be in a line
            garbage += 1
    events = tuple(one for one in found if one is not None)
    return Reading(events, garbage, ended)


def request_id(baggage: str | None) -> str:
    """Return the load's request id from a W3C `baggage` header, "" if there is none."""
    found = _ID.search(baggage or "")
    return plain(found[1]) if found else ""


def plain(value: object) -> str:
    """Return the value of a member of a `baggage` header, percent-encoded or not; "" if it is no id."""
    text = unquote(str(value or ""))
    return text if _PLAIN.fullmatch(text) else ""


def grpc(fields: Fields) -> int | None:
    """Return the gRPC status of a line's answer; None if there is no gRPC answer."""
    found = fields.get("grpc")
    return int(found) if found is not None and int(fields["status"]) else None


class Content(TypedDict, total=False):
    """The fields of an event that tell the content of its answer."""

    size: int
    content_type: str
    headers: tuple[str, ...]


def content(fields: Fields) -> Content:
    """Return the content of a line's answer; nothing from a log without it."""
    if "size" not in fields:
        return {}
    told = pairs(fields.get("headers"))
    return {"size": int(fields["size"]), "content_type": fields.get("content_type") or "", "headers": told}


def pairs(headers: object) -> tuple[str, ...]:
    """Return "name: value" of each header that a line has."""
    found = headers.items() if isinstance(headers, dict) else ()
    return tuple(f"{name}: {value}" for name, value in found if value is not None)


def times(fields: Fields) -> tuple[float, float]:
    """Return start (epoch seconds) and duration (ms) of a line with `start` and `end` in epoch seconds."""
    start, end = float(fields["start"]), float(fields["end"])
    if not (math.isfinite(start) and math.isfinite(end)):
        raise ValueError("a time that is no number")
    return start, max(end - start, 0) * 1000  # the clock may have been set back


def by_listen(links: Sequence[Link]) -> dict[str, Link]:
    """Return the links by the address that callers use."""
    return {link.listen: link for link in links}


def _fields(line: str) -> Fields:
    fields = loads(line)
    if not isinstance(fields, dict):
        raise ValueError("not an object")
    return fields
