"""What the load driver records of answers, and whether it follows redirects. Values only."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from testbed.history.events import AnswerBody

BODIES_KB = 2048.0  # of distinct bodies of one load


@dataclass(frozen=True, slots=True)
class AnswerRecording:
    """What is recorded of an answer besides its status, size, type and digest."""

    headers: tuple[str, ...] = ()
    bodies_kb: float = BODIES_KB
    follow_redirects: bool = True
    queries: bool = False  # whether the values of query strings are recorded

    def words(self) -> Iterator[str]:
        """Yield the arguments of the load driver."""
        yield f"-headers={','.join(name.lower() for name in self.headers)}"
        yield f"-bodies={int(self.bodies_kb)}"
        yield f"-redirects={str(self.follow_redirects).lower()}"


def body_of(line: Mapping[str, Any]) -> AnswerBody:
    """Turn a line of the driver into the history's event."""
    text, size = line["text"] or "", line["size"]
    try:
        return AnswerBody(line["body"], size, b64decode(text).decode())
    except UnicodeDecodeError:
        return AnswerBody(line["body"], size, text, base64=True)
