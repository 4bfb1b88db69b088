"""A fault that a test injected, in a module of its own: every pytest run loads it, and nothing else of the reports."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Injected:
    """A fault that a test injected, on which edges of which mesh, and the edges of that mesh that have a policy."""

    fault: str
    edges: tuple[str, ...]
    mesh: str
    protected: tuple[str, ...]
