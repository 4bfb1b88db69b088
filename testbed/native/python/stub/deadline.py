"""The deadline of the caller, from a header: nothing is begun after it."""

from __future__ import annotations

import time


class Deadline:
    """The moment until which the caller waits; for ever if its header is missing or no number."""

    def __init__(self, header: str | None, headers: dict[str, str]) -> None:
        self._header = header
        told = headers.get(header, "") if header else ""
        self._at = time.monotonic() + int(told) / 1000 if told.isdecimal() else None

    @property
    def over(self) -> bool:
        """Whether it has passed."""
        return self._at is not None and time.monotonic() >= self._at

    def within(self, timeout: float | None) -> float | None:
        """Return when to give up (monotonic seconds): after `timeout` milliseconds, or at the deadline."""
        own = None if timeout is None else time.monotonic() + timeout / 1000
        return min((moment for moment in (own, self._at) if moment is not None), default=None)

    def told(self) -> dict[str, str]:
        """Return the header with the time left, in whole milliseconds."""
        if self._header is None or self._at is None:
            return {}
        return {self._header: str(max(0, int((self._at - time.monotonic()) * 1000)))}
