"""Progress messages for the display."""

from __future__ import annotations

from typing import Protocol


class OnProgress(Protocol):
    """Takes a progress message, and the duration in seconds (0: unknown)."""

    def __call__(self, text: str, for_s: float = 0) -> None:
        """Show it."""


def no_progress(text: str, for_s: float = 0) -> None:
    """Show nothing."""
