"""Flapping: a fault comes and goes, again and again."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from testbed.errors import FaultError
from testbed.faults.base import Fault, FaultStep, positive
from testbed.faults.timed import TimedFault, forever


@dataclass(frozen=True)
class flapping(TimedFault):
    """Any fault, in force for `down_s` seconds, then gone for `up_s`, again and again until it is healed.

    It is in force first. `up_s` counts from the start of healing, like windows in the history.
    """

    up_s: float = field(kw_only=True)
    down_s: float = field(kw_only=True)

    def validate(self) -> None:
        """Raise `FaultError` for times of zero or less, or a fault that ends by itself."""
        super().validate()
        positive(self, up_s=self.up_s, down_s=self.down_s)
        if math.isfinite(self.fault.lasts_s):
            raise FaultError(f"{self}: {self.fault.name} ends by itself. Use crash_loop(up_s=, down_s=)")

    def turns(self, parts: Sequence[Fault]) -> Iterator[FaultStep]:
        """Yield the same part without end."""
        return forever(parts[0], 0, self.up_s, self.down_s)
