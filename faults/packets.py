"""The common part of packet faults: they act in the kernel on single packets of a link, in one or both directions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from testbed.errors import FaultError, nearest
from testbed.faults.base import Fault, LinkFault, Plane
from testbed.faults.operations import Operation, PacketDrop, PacketShaping
from testbed.faults.target import FaultContext, links_of

Way = Literal["requests", "answers"]
WAYS: tuple[Way, ...] = ("requests", "answers")


@dataclass(frozen=True, kw_only=True)
class PacketFault(LinkFault):
    """A fault of single packets, in both directions of a link unless `direction` is "requests" or "answers".

    It needs CAP_NET_ADMIN, as root or inside `testbed sandbox`; otherwise the test is skipped with the reason.
    """

    plane: ClassVar[Plane] = "packets"
    twin: ClassVar[str] = "delay(ms=...)"

    direction: Literal["both", "requests", "answers"] = "both"

    def validate(self) -> None:
        """Raise `FaultError` for an unknown direction."""
        if self.direction not in ("both", *WAYS):
            raise FaultError(f"{self}: there is no direction {self.direction!r}{nearest(self.direction, WAYS)}")

    @property
    def ways(self) -> tuple[Way, ...]:
        """The directions in which it acts."""
        return WAYS if self.direction == "both" else (self.direction,)


class ShapedPackets(PacketFault):
    """A packet fault that the kernel's netem makes: only in `testbed sandbox`, on a kernel that has netem."""

    def netem_args(self) -> tuple[str, ...]:
        """Return the arguments of netem."""
        raise NotImplementedError

    def operations(self, context: FaultContext, fault: str) -> tuple[Operation, ...]:
        """One shaping for each link and direction."""
        links, words = links_of(self.target, context, self), self.netem_args()
        return tuple(PacketShaping(fault, link.name, way, words) for link in links for way in self.ways)


def dropped(fault: str, link: str, ways: tuple[Way, ...], percent: float) -> tuple[Operation, ...]:
    """Return the operations that drop a share of a link's packets."""
    return tuple(PacketDrop(fault, link, percent / 100, way) for way in ways)


def a_share(fault: Fault, percent: float) -> None:
    """Raise `FaultError` unless a percentage is above 0 and at most 100."""
    if isinstance(percent, bool) or not isinstance(percent, (int, float)) or not 0 < percent <= 100:
        raise FaultError(f"{fault}: percent is above 0 and at most 100")
