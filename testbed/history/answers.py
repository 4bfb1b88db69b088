"""One answer as a value, for the predicates of checks: what its user or caller got, as far as it is recorded."""

from __future__ import annotations

import json as json_
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from testbed.history.events import UNKNOWN, Arrival, Call, Request
from testbed.history.index import Index
from testbed.spec.grpc_status import name_of

SHOWN = 80  # characters of a text in a message


class NotKept(Exception):
    """A part of an answer was asked for that the history does not have."""


class Headers(Mapping[str, str]):
    """The recorded headers of an answer, by names in any case. A header that is never recorded raises `NotKept`."""

    def __init__(self, found: Mapping[str, str], recorded: frozenset[str]) -> None:
        self._found, self._recorded = dict(found), recorded | frozenset(found)

    def __getitem__(self, name: str) -> str:
        if name.lower() not in self._recorded:
            raise NotKept(f"the header {name} is not recorded: name it in the topology (answerHeaders: [{name}])")
        return self._found[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


@dataclass(frozen=True)
class Answer:
    """One whole answer: status, size in bytes, content type, recorded headers, and its text.

    `text`, `body` and `json` are there for the answers to users, as far as bodies were kept (`bodies_kb=` of the load;
    64 KB of each). Otherwise they raise `NotKept`, and a check is inconclusive.
    """

    status: int
    size: int = UNKNOWN  # bytes
    content_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    grpc_status: str = ""  # "OK", "UNAVAILABLE", ...; "" if the answer is not gRPC
    path: str = ""  # of the request that it answers; after redirects, of the last one
    redirects: int = 0  # redirects that led to it
    kept: bytes | None = None  # the beginning of the body; None if nothing is kept
    why_not: str = ""  # why nothing is kept

    @property
    def body(self) -> bytes:
        """The whole body. Raises `NotKept`."""
        if self.kept is None:
            raise NotKept(self.why_not)
        if len(self.kept) < self.size:
            raise NotKept(f"of this answer of {self.size:,} bytes only the first {len(self.kept):,} were kept")
        return self.kept

    @property
    def text(self) -> str:
        """The whole body as text. Raises `NotKept`."""
        return self.body.decode(errors="replace")

    @property
    def beginning(self) -> str:
        """The text, or of a long one the first 64 KB. Raises `NotKept` if nothing is kept."""
        if self.kept is None:
            raise NotKept(self.why_not)
        return self.kept.decode(errors="replace")

    @property
    def json(self) -> object:
        """The value of a body of JSON. Raises `ValueError` for another body, and `NotKept`."""
        return json_.loads(self.body)

    def __str__(self) -> str:
        """Write status, size, type and the beginning of the text."""
        status = self.grpc_status or str(self.status)
        size = "" if self.size == UNKNOWN else f", {self.size:,} bytes"
        kind = f" of {self.content_type}" if self.content_type and size else ""
        text = " ".join(self.beginning.split()) if self.kept else ""
        shown = f": {text[:SHOWN]!r}{'...' if len(text) > SHOWN else ''}" if text else ""
        return f"{status}{size}{kind}{shown}"


def answer_of(index: Index, event: Request | Call | Arrival) -> Answer:
    """Return the answer of a request of the load, or of a call or arrival on an edge."""
    found = dict(text.split(": ", 1) for text in event.headers)
    kept, why_not = _body(index, event)
    return Answer(
        status=event.status,
        size=event.size,
        content_type=event.content_type,
        headers=Headers(found, index.facts.recorded_headers),
        grpc_status="" if event.grpc_status is None else name_of(event.grpc_status),
        path="" if isinstance(event, Call) else (getattr(event, "ended_at", "") or event.path),
        redirects=event.redirects if isinstance(event, Request) else 0,
        kept=kept,
        why_not=why_not,
    )


def _body(index: Index, event: Request | Call | Arrival) -> tuple[bytes | None, str]:
    if not isinstance(event, Request):
        return None, "bodies are recorded for answers to users only; on an edge: size, content type and headers"
    if event.size == UNKNOWN:
        return None, "the history is from a version that did not record answers"
    if event.size == 0:
        return b"", ""
    body = index.bodies.get(event.digest)
    if body is None:
        return None, "its text was not kept: the answers of this load differ too much (raise bodies_kb= of the load)"
    return b64decode(body.text) if body.base64 else body.text.encode(), ""
