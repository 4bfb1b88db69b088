"""Edges, written "caller -> callee" everywhere: in YAML, in faults and in checks."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Self

from testbed.errors import nearest

CLIENT = "client"
"""The load, as the caller of the entry service."""

Protocol = Literal["http", "http2", "grpc", "tcp"]
"""What an edge carries: what its callee is spoken to in."""

_TEXT = re.compile(r"\s*(\S+?)\s*->\s*(\S+)\s*")


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """Who calls whom; `str(edge)` is the way to write it."""

    caller: str
    callee: str

    def __str__(self) -> str:
        """Write "checkout -> pricing"."""
        return f"{self.caller} -> {self.callee}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read "checkout -> pricing", whatever the white space; ValueError for anything else."""
        match = _TEXT.fullmatch(text)
        if match is None:
            raise ValueError(f"write an edge as 'caller -> callee', not {text!r}")
        return cls(match[1], match[2])


def normal_edge(text: str) -> str:
    """Return an edge with single spaces: `"a->b"` becomes `"a -> b"`."""
    return " -> ".join(part.strip() for part in text.split("->"))


def no_edge(text: str, known: Iterable[str]) -> str:
    """Say that nobody calls along this edge, and which edge comes nearest."""
    return f"no edge {text!r}{nearest(text, known)}"


def no_requests(edge: str) -> str:
    """Say why nothing can be hit or judged request by request on an edge that carries tcp."""
    return f"{edge} is a tcp edge: it carries connections, and no requests that could be told apart"
