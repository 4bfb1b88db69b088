"""The protocol between Python and the load driver: one JSON value a line (see native/go/cmd/load/main.go). Pure."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any
from urllib.parse import urlsplit

from testbed.errors import TestbedError
from testbed.history.events import UNKNOWN, Request
from testbed.history.outcomes import BROKEN_OFF, CONNECT_FAILED, RESET, TIMEOUT
from testbed.load.schedule import ScheduledRequest

_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


def chunk_text(number: int, start: float, planned: Sequence[ScheduledRequest], targets: Sequence[int]) -> Iterator[str]:
    """Yield the lines of one chunk, some at a time: its command, then its requests, each with its target's index."""
    yield _encode({"cmd": "chunk", "chunk": number, "start": start, "count": len(planned)}) + "\n"
    for i in range(0, len(planned), 100):
        pairs = zip(planned[i : i + 100], targets[i : i + 100], strict=True)
        yield "".join(_request_line(request, target) for request, target in pairs)


def _request_line(planned: ScheduledRequest, target: int) -> str:
    fields: dict[str, object] = {
        "offset": planned.offset_s,
        "id": planned.id,
        "target": target,
        "method": planned.method,
        "path": planned.path,
        "headers": planned.headers,
    }
    if planned.body:
        fields["body"] = b64encode(planned.body).decode()
    return _encode(fields) + "\n"


def request_of(result: Mapping[str, Any], planned: ScheduledRequest, phase: str, replica: str) -> Request:
    """Turn a result line into the history's event; an unusual error is "other: " and the message of the system."""
    error, begun = result.get("error", ""), result.get("begun", 0)
    return Request(
        id=planned.id,
        user=planned.user,
        cohort=planned.cohort,
        intended=result["intended"],
        sent=result["sent"],
        latency_ms=(result["end"] - result["intended"]) * 1000,
        status=result["status"],
        error=f"{error}: {result['detail']}" if "detail" in result else error,
        method=planned.method,
        path=planned.path,
        fallbacks=tuple(name.strip() for name in result.get("fallback", "").split(",") if name.strip()),
        replica=replica,
        phase=phase,
        grpc_status=result.get("grpc"),
        outcome=BROKEN_OFF if begun else _OUTCOMES.get(error, ""),
        begun=begun,
        size=result.get("size", UNKNOWN),
        content_type=result.get("content_type", ""),
        headers=tuple(result.get("headers", ())),
        digest=result.get("digest", ""),
        redirects=result.get("redirects", 0),
        ended_at=result.get("ended_at", ""),
    )


_OUTCOMES = {"refused": CONNECT_FAILED, "reset": RESET, "eof": RESET, "timeout": TIMEOUT}


def address(url: str) -> str:
    """Return "ip:port" of a base URL; raises TestbedError if it is anything but http://ip:port."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme != "http" or not parts.hostname or port is None or parts.path not in ("", "/") or parts.query:
        raise TestbedError(f"load target {url!r} is not a base URL such as http://127.0.0.1:8080")
    return f"{parts.hostname}:{port}"


def rounds(targets: int, seed: int) -> Iterator[int]:
    """Yield target indexes in shuffled rounds, each once in a round.

    With plain round robin and two alternating streams, a cohort would always get the same replica.
    """
    random = Random(f"targets|{seed}")
    while True:
        yield from random.sample(range(targets), targets)
