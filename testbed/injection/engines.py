"""The interface of an engine: it carries out one family of operations, reads each back, and undoes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

from testbed.errors import FaultError
from testbed.history.events import ProcessEvent

Op = TypeVar("Op")
MOST_AT_ONCE = 8  # operations of one engine at the same time


class NotPossible(FaultError):
    """An operation that this runtime does not have on any machine; the injector adds the fault."""


class Engine(Protocol[Op]):
    """Carries out one family of operations; every call returns after its effect has been read back.

    A subclass defines `handles`, `apply` and `undo`; the rest has a default. It gets the operations of one fault at a
    time, and only `require` may be called from two threads at once.
    """

    handles: tuple[type[Op], ...]  # the types of its operations
    events: Sequence[ProcessEvent] = ()  # its actions on processes, in order

    def require(self, operations: Sequence[Op], *, dry: bool) -> None:
        """Raise `NotPossible` or, unless `dry`, `Unsupported` if they are not possible here, before anything is done.

        `dry`: they will not be carried out, so missing features of the machine or rights of the user do not matter.
        """
        return

    def apply(self, operations: Sequence[Op]) -> None:
        """Carry them out, and read them back."""

    def undo(self, operations: Sequence[Op]) -> None:
        """Undo them and read back; also operations with a failed `apply`."""

    def hits(self, operations: Sequence[Op]) -> int | None:
        """Return the number of their effects so far; None: this engine does not count."""
        return None

    def foreign(self, operations: Sequence[Op]) -> list[str]:
        """Return in words what is in force besides these operations, or is missing of them; [] if it cannot be read."""
        return []

    def caveat(self, operations: Sequence[Op]) -> str:
        """Return an addition to the text of a fault with an approximate effect, "" for any other."""
        return ""


def all_at_once(act: Callable[[Op], None], operations: Sequence[Op]) -> None:
    """Act on all operations, and then raise the first failure."""
    if len(operations) < 2:
        for operation in operations:
            act(operation)
        return
    with ThreadPoolExecutor(min(MOST_AT_ONCE, len(operations))) as pool:
        for done in [pool.submit(act, operation) for operation in operations]:
            done.result()
