"""The engine of packet faults: the packets of a run's links, dropped by nftables or shaped by netem."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

from testbed.errors import Unsupported
from testbed.faults.operations import PacketDrop, PacketOperation, PacketShaping
from testbed.injection.engines import Engine
from testbed.injection.namespaces import LOAD, EnterCommandFor, NetworkNamespaces, same_namespace
from testbed.injection.packets.netem import Shaper
from testbed.injection.packets.packets import Packets, Seen
from testbed.plan.values import AddressMap, AddressSpace, Link, Process, as_planned
from testbed.runtime.http import KeepAliveClient
from testbed.runtime.sandbox import wire_like

T = TypeVar("T")
APPROXIMATE = " (approximate for bodies over 1.4 KB: outside `testbed sandbox` a packet holds up to 64 KB)"


class PacketTopology(Protocol):
    """The needed part of a plan."""

    @property
    def space(self) -> AddressSpace:
        """The address space."""

    @property
    def links(self) -> Sequence[Link]:
        """Every link."""

    @property
    def probe(self) -> Link:
        """The link of the no-op probe."""

    @property
    def processes(self) -> Sequence[Process]:
        """All processes."""


class PacketEngine(Engine[PacketOperation]):
    """Carries out packet operations, one fault at a time, and counts the affected packets."""

    handles = (PacketDrop, PacketShaping)

    def __init__(
        self, plan: PacketTopology, inside: EnterCommandFor = same_namespace, reach: AddressMap = as_planned
    ) -> None:
        namespaces = NetworkNamespaces((process.name for process in plan.processes), inside)
        self._packets, self._shaper = (
            Packets(plan.links, plan.space, namespaces),
            Shaper(plan.links, plan.space, namespaces),
        )
        self._shares_address, self._probe, self._reach = plan.space.shares_one_address, plan.probe.listen, reach
        self._entries = {link.name for link in plan.links if link.caller == LOAD}
        self._load_hears: bool | None = None

    def require(self, operations: Sequence[PacketOperation], *, dry: bool) -> None:
        """Raise `Unsupported`, unless `dry`, if this machine or user cannot carry them out, before anything is done."""
        if dry:
            return
        drops, shapes = _sorted(operations)
        if drops:
            self._packets.ready(drops)
        if shapes:
            self._shaper.ready(shapes)
        if self._shares_address and any(drop.link in self._entries and drop.packets == "answers" for drop in drops):
            self._check_load_network()

    def caveat(self, operations: Sequence[PacketOperation]) -> str:
        """Return a note for packet loss with packets larger than on a wire, "" for anything else."""
        some = any(isinstance(operation, PacketDrop) and operation.share < 1 for operation in operations)
        return APPROXIMATE if some and (self._shares_address or not wire_like()) else ""

    def apply(self, operations: Sequence[PacketOperation]) -> None:
        """Put the operations of one fault in force, and verify it."""
        drops, shapes = _sorted(operations)
        if drops:
            self._packets.apply(drops)
        if shapes:
            self._shaper.apply(shapes)

    def hits(self, operations: Sequence[PacketOperation]) -> int:
        """Return the number of packets dropped or shaped by one fault in force."""
        return sum(self._each(operations, lambda fault: self.counted(fault).dropped, self._shaper.seen))

    def counted(self, fault: str) -> Seen:
        """Return how many packets the rules of a fault in force have seen and dropped."""
        return self._packets.seen(fault)

    def undo(self, operations: Sequence[PacketOperation]) -> None:
        """Undo the operations of one fault, and verify it."""
        list(self._each(operations, self._packets.undo, self._shaper.undo))

    def left(self) -> list[str]:
        """Return the faults in force."""
        return [*self._packets.left(), *self._shaper.left()]

    def close(self) -> None:
        """Remove every rule."""
        self._packets.close()

    def _check_load_network(self) -> None:
        """Check that packets from the links come through our network, where they can be dropped.

        This is not certain: published ports of containers may be in another network, or on another machine.
        """
        if self._load_hears is None:
            probe = KeepAliveClient(self._reach(self._probe))
            self._load_hears = bool(self._packets.look(self._probe, lambda: probe.get("/probe")))
            probe.close()
        if not self._load_hears:
            raise Unsupported(
                f"answers to the load from {self._probe} do not come through the network of "
                "this machine, so they cannot be dropped; packets of requests can: direction='requests'",
                lacks="far",
            )

    def _each(
        self, operations: Sequence[PacketOperation], dropped: Callable[[str], T], shaped: Callable[[str], T]
    ) -> Iterator[T]:
        for kind in {type(operation) for operation in operations}:
            yield (dropped if kind is PacketDrop else shaped)(operations[0].fault)


def _sorted(operations: Sequence[PacketOperation]) -> tuple[list[PacketDrop], list[PacketShaping]]:
    drops = [operation for operation in operations if isinstance(operation, PacketDrop)]
    return drops, [operation for operation in operations if isinstance(operation, PacketShaping)]
