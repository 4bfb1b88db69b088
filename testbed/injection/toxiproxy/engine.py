"""The engine of network faults on links."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from testbed.faults.operations import Blackhole, LinkDown, LinkOperation, Toxic
from testbed.injection.engines import Engine, all_at_once


class LinkControl(Protocol):
    """The needed part of the links."""

    def require(self, operations: Sequence[LinkOperation]) -> None:
        """Raise `Unsupported` if they are not possible here."""

    def apply(self, operation: LinkOperation) -> None:
        """Carry out and read back."""

    def undo(self, operation: LinkOperation) -> None:
        """Undo and read back."""

    def foreign(self, operations: Sequence[LinkOperation]) -> list[str]:
        """Return in words what differs from these operations."""


class LinkEngine(Engine[LinkOperation]):
    """Carries out operations on links, several at once."""

    handles = (Toxic, LinkDown, Blackhole)

    def __init__(self, links: LinkControl) -> None:
        self._links = links

    def require(self, operations: Sequence[LinkOperation], *, dry: bool) -> None:
        """Raise `Unsupported`, unless `dry`, if the network of the links is needed and not accessible."""
        if not dry:
            self._links.require(operations)

    def apply(self, operations: Sequence[LinkOperation]) -> None:
        """Carry out all operations, and verify them."""
        all_at_once(self._links.apply, operations)

    def undo(self, operations: Sequence[LinkOperation]) -> None:
        """Undo all operations, and verify it."""
        all_at_once(self._links.undo, operations)

    def foreign(self, operations: Sequence[LinkOperation]) -> list[str]:
        """Compare the state of all links with these operations."""
        return self._links.foreign(operations)
