"""Streams: the common part of faults that are one Toxiproxy toxic for each link."""

from __future__ import annotations

from typing import Literal, Protocol

from testbed.errors import FaultError
from testbed.faults.base import Fault
from testbed.faults.operations import Operation, Range, Stream, Toxic
from testbed.faults.target import FaultContext, links_of

Direction = Literal["answers", "requests"]
STREAMS: dict[str, Stream] = {"answers": "downstream", "requests": "upstream"}


class _Directed(Protocol):
    @property
    def direction(self) -> Direction: ...


def known_direction(fault: _Directed) -> None:
    """Raise `FaultError` for an unknown direction."""
    if fault.direction not in STREAMS:
        raise FaultError(f"{fault}: direction is one of {', '.join(STREAMS)}")


def whole(fault: Fault, allowed: Range, **values: float) -> None:
    """Raise `FaultError` unless every value is a whole number in the range of the server."""
    for key, value in values.items():
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not (number and allowed.low <= value <= allowed.high and value % 1 == 0):
            raise FaultError(f"{fault}: {key} is a whole number from {allowed.low} to {allowed.high}, not {value!r}")


def toxics(
    fault: Fault, context: FaultContext, kind: str, direction: Direction, **attributes: float
) -> tuple[Operation, ...]:
    """Return the same toxic for every link that the fault's target names."""
    wanted = {name: int(value) for name, value in attributes.items()}
    return tuple(Toxic(link.name, kind, STREAMS[direction], wanted) for link in links_of(fault.target, context, fault))
