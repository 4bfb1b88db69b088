"""Edges, written "caller -> callee" everywhere: in YAML, in faults and in checks."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Self

from testbed.errors import nearest

CLIENT = "client"
"""The load: the caller of the entry service."""

Protocol = Literal["http", "http2", "grpc", "tcp"]
"""The protocol of an edge: the protocol of its callee."""

_TEXT = re.compile(r"\s*(\S+?)\s*->\s*(\S+)\s*")


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """One service calling another; `str(edge)` writes "caller -> callee"."""

    caller: str
    callee: str

    def __str__(self) -> str:
        """Write "checkout -> pricing"."""
        return f"{self.caller} -> {self.callee}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read "checkout -> pricing" with any white space. Raises ValueError for anything else."""
        match = _TEXT.fullmatch(text)
        if match is None:
            raise ValueError(f"write an edge as 'caller -> callee', not {text!r}")
        return cls(match[1], match[2])


def normal_edge(text: str) -> str:
    """Return an edge with single spaces: `"a->b"` becomes `"a -> b"`."""
    return " -> ".join(part.strip() for part in text.split("->"))


def no_edge(text: str, known: Iterable[str]) -> str:
    """Write that this edge does not exist, with the nearest one that does."""
    return f"no edge {text!r}{nearest(text, known)}"


def no_requests(edge: str) -> str:
    """Write why faults and checks on single requests are impossible on a tcp edge."""
    return f"{edge} is a tcp edge: it carries connections, not single requests"
