"""The result of `inject`: faults in force, which `heal()` or the end of the block heals."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from testbed.errors import TestbedError


class Injection:
    """Faults in force; heal them early, or leave the `with` block."""

    def __init__(self, heal: Callable[[], None]) -> None:
        self._heal = heal

    def heal(self) -> None:
        """Undo the faults and verify it; a second call does nothing."""
        self._heal()

    def __enter__(self) -> Injection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.heal()
        except TestbedError as failure:
            if not isinstance(error, KeyboardInterrupt):
                raise
            error.add_note(str(failure))  # raising it would turn an interrupted run into a failed test
