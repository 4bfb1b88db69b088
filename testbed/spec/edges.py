"""Edges, written "caller -> callee" everywhere: in YAML, in faults and in checks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import AfterValidator, Field

from testbed.spec.problems import wrong

CLIENT = "client"
"""The load, as the caller of the entry service."""

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


def normalised(text: str) -> str:
    """The one way to write an edge; as a validator."""
    try:
        return str(Edge.parse(text))
    except ValueError as error:
        raise wrong(str(error)) from None


EdgeText = Annotated[
    str,
    AfterValidator(normalised),
    Field(json_schema_extra={"pattern": r"^\s*\S+\s*->\s*\S+\s*$", "examples": ["checkout -> pricing"]}),
]
