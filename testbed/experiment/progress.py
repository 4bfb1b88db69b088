"""What happens now, for whoever shows it."""

from __future__ import annotations

from typing import Protocol


class Say(Protocol):
    """Takes what happens now, and how many seconds it takes (0: nobody knows)."""

    def __call__(self, text: str, for_s: float = 0) -> None:
        """Show it."""


def silent(text: str, for_s: float = 0) -> None:
    """Show nothing."""
