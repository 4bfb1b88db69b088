"""The common part of faults that come and go: their parts are in force one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from typing import ClassVar

from testbed.errors import FaultError
from testbed.faults.base import Fault, FaultStep, Plane
from testbed.faults.operations import Operation
from testbed.faults.target import FaultContext, Target
from testbed.plan.values import Link


@dataclass(frozen=True)
class TimedFault(Fault):
    """A fault made of another fault. Its `parts` are in force one after the other, in the steps of `turns`."""

    alternates: ClassVar[bool] = True

    fault: Fault

    def validate(self) -> None:
        """Raise `FaultError` if `fault` is not a fault, or if it comes and goes or waits."""
        if not isinstance(self.fault, Fault):
            raise FaultError(f"{self.name}({self.fault!r}): the first argument is a fault, such as outage('pricing')")
        if self.fault.alternates or self.fault.waits_s:
            raise FaultError(f"{self}: {self.fault} already comes and goes, or waits")

    @property
    def plane(self) -> Plane:  # type: ignore[override]
        """The plane of the fault that comes and goes."""
        return self.fault.plane

    def _aim(self, target: Target) -> Target:
        """Refuse: the target belongs to the inner fault."""
        raise self._unscopable("on")

    def _unscopable(self, method: str) -> FaultError:
        inner = f"{self.fault.name}(...).{method}(...)"
        return FaultError(f"{self.name}(...).{method} is not possible: write {self.name}({inner}, ...)")

    def parts(self, context: FaultContext) -> Sequence[Fault]:
        """Return the parts."""
        return (self.fault,)

    def turns(self, parts: Sequence[Fault]) -> Iterator[FaultStep]:
        """Yield the steps of these parts, with or without an end."""
        raise NotImplementedError

    def steps(self, context: FaultContext) -> Iterator[FaultStep]:
        """Yield the steps, all delayed by the wait of the fault."""
        turns = self.turns(self.parts(context))
        first = next(turns)
        yield replace(first, after_s=first.after_s + self.waits_s)
        yield from turns

    def operations(self, context: FaultContext, fault: str) -> tuple[Operation, ...]:
        """The operations of all parts."""
        return tuple(op for part in self.parts(context) for op in part.operations(context, fault))

    def affected_links(self, context: FaultContext) -> tuple[Link, ...]:
        """The links of all parts."""
        return tuple(link for part in self.parts(context) for link in part.affected_links(context))


def forever(part: Fault, waits_s: float, up_s: float, down_s: float) -> Iterator[FaultStep]:
    """Yield a part that comes and goes until it is healed."""
    yield FaultStep(part, waits_s, down_s)
    yield from repeat(FaultStep(part, up_s, down_s))


def refuse_late(faults: Sequence[Fault], hold_s: float) -> None:
    """Raise `FaultError` for a fault that would be healed before it has come into force."""
    for fault in faults:
        if fault.waits_s >= hold_s:
            raise FaultError(f"{fault} would never be in force: it waits {fault.waits_s:g} s, and hold_s={hold_s:g}")
