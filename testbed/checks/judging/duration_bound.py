"""The bound of checks of a longest duration: `max_latency` of requests, `call_duration` of calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

from testbed.checks.judging import validation
from testbed.checks.judging.base import Check
from testbed.checks.judging.formatting import ms


@dataclass(frozen=True)
class DurationBound(Check):
    """A check with `under_ms`, a duration that nothing may reach."""

    under_ms: float | None = field(default=None, kw_only=True)

    def validate(self) -> None:
        """Raise `CheckError` unless the bound is given and above 0."""
        validation.exactly_one(str(self), under_ms=self.under_ms)
        validation.positive(str(self), under_ms=self.under_ms)

    @property
    def bound(self) -> str:
        """The bound in words."""
        return f"< {ms(self._limit)}"

    @property
    def _limit(self) -> float:
        return cast(float, self.under_ms)
