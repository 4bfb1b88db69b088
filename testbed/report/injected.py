"""A fault that a test injected. A separate module, because every pytest run loads it and no other report module."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Injected:
    """A fault that a test injected: its edges, its mesh, and the edges of that mesh with a policy."""

    fault: str
    edges: tuple[str, ...]
    mesh: str
    protected: tuple[str, ...]
