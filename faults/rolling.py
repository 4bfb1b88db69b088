"""Rolling: one replica after the other fails, as in a bad release or a node drain."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from testbed.errors import FaultError
from testbed.faults.base import Fault, FaultStep, positive
from testbed.faults.target import FaultContext
from testbed.faults.timed import TimedFault


@dataclass(frozen=True)
class rolling(TimedFault):
    """Any fault on a service or an edge, on one replica at a time: the next every `every_s` seconds, each for `for_s`.

    Without `for_s` each lasts until the next begins (a `restart` or `slow_start` ends by itself). The next never begins
    before the last has healed. The fault ends after the last replica.
    """

    every_s: float = field(kw_only=True)
    for_s: float | None = field(default=None, kw_only=True)

    def validate(self) -> None:
        """Raise `FaultError` for times of zero or less, or steps that would overlap."""
        super().validate()
        positive(self, every_s=self.every_s, for_s=self._for_s or 1)
        if self.for_s is not None and math.isfinite(self.fault.lasts_s):
            raise FaultError(f"{self}: {self.fault.name} ends by itself: leave out for_s")
        if self._for_s > self.every_s:
            raise FaultError(f"{self}: each step takes {self._for_s:g} s, longer than every_s")

    @property
    def _for_s(self) -> float:
        own = self.every_s if math.isinf(self.fault.lasts_s) else self.fault.lasts_s
        return own if self.for_s is None else self.for_s

    def parts(self, context: FaultContext) -> Sequence[Fault]:
        """Return the fault on each replica."""
        return self.fault.one_by_one(context)

    def turns(self, parts: Sequence[Fault]) -> Iterator[FaultStep]:
        """Yield each part once."""
        yield FaultStep(parts[0], 0, self._for_s)
        yield from (FaultStep(part, self.every_s - self._for_s, self._for_s) for part in parts[1:])
