"""The wire of a run: the packets of its links, dropped by nftables or shaped by netem."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from testbed.edge.netem import Shaper
from testbed.edge.operations import Drop, Netem
from testbed.edge.packets import Packets
from testbed.plan import Link
from testbed.sandbox import wire_like

T = TypeVar("T")
APPROXIMATE = " (approximate for bodies over 1.4 KB: outside `testbed sandbox` a packet holds up to 64 KB)"


class Wire:
    """Carries out packet operations, one fault at a time, and counts what they hit."""

    def __init__(self, links: Sequence[Link], network: str) -> None:
        self._packets, self._shaper = Packets(links, network), Shaper(links)

    def ready(self, operations: Sequence[Drop | Netem]) -> None:
        """Raise `Unsupported` if this machine or user cannot carry them out; nothing is done yet."""
        for kind in {type(operation) for operation in operations}:
            (self._packets if kind is Drop else self._shaper).ready()

    def caveat(self, operations: Sequence[Drop | Netem]) -> str:
        """Return what to say of a loss whose packets are larger than on a wire, "" of anything else."""
        some = any(isinstance(operation, Drop) and operation.share < 1 for operation in operations)
        return APPROXIMATE if some and not wire_like() else ""

    def apply(self, operations: Sequence[Drop | Netem]) -> None:
        """Put the operations of one fault in force, and see that they are."""
        drops = [operation for operation in operations if isinstance(operation, Drop)]
        shapes = [operation for operation in operations if isinstance(operation, Netem)]
        if drops:
            self._packets.apply(drops)
        if shapes:
            self._shaper.apply(shapes)

    def seen(self, operations: Sequence[Drop | Netem]) -> int:
        """Return how many packets the operations of one fault, which is in force, have dropped or shaped."""
        return sum(self._each(operations, lambda fault: self._packets.seen(fault).dropped, self._shaper.seen))

    def undo(self, operations: Sequence[Drop | Netem]) -> None:
        """Undo the operations of one fault, and see that they are gone."""
        list(self._each(operations, self._packets.undo, self._shaper.undo))

    def left(self) -> list[str]:
        """Return the faults that are in force."""
        return [*self._packets.left(), *self._shaper.left()]

    def close(self) -> None:
        """Remove every rule."""
        self._packets.close()

    def _each(
        self, operations: Sequence[Drop | Netem], dropped: Callable[[str], T], shaped: Callable[[str], T]
    ) -> Iterator[T]:
        for kind in {type(operation) for operation in operations}:
            yield (dropped if kind is Drop else shaped)(operations[0].fault)
