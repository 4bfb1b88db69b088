"""What an engine is: it carries out one family of operations, reads each one back, and undoes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

from testbed.errors import FaultError
from testbed.history.events import ProcessEvent

Op = TypeVar("Op")
MOST_AT_ONCE = 8  # operations of one engine that are carried out at the same time


class NotPossible(FaultError):
    """What this runtime never does, on any machine; the injector adds which fault asks for it."""


class Engine(Protocol[Op]):
    """Carries out one family of operations; every call returns when its effect has been read back.

    An engine subclasses this, and writes `handles`, `apply` and `undo`; the rest has a default. It is given the
    operations of one fault at a time, and is never called from two threads at once, but for `require`.
    """

    handles: tuple[type[Op], ...]  # the types of its operations
    events: Sequence[ProcessEvent] = ()  # what it has done to processes, in its order

    def require(self, operations: Sequence[Op], *, dry: bool) -> None:
        """Raise `NotPossible` or, unless `dry`, `Unsupported` if they cannot be carried out here; nothing is done yet.

        `dry` says that they will not be carried out, so that what machine or user lack does not matter.
        """
        return

    def apply(self, operations: Sequence[Op]) -> None:
        """Carry them out, and read them back."""

    def undo(self, operations: Sequence[Op]) -> None:
        """Undo them, and read that back; also those of which `apply` has failed."""

    def hits(self, operations: Sequence[Op]) -> int | None:
        """Return how often they have had an effect so far; None: this engine does not count."""
        return None

    def caveat(self, operations: Sequence[Op]) -> str:
        """Return what to add to the text of a fault whose effect is only approximate, "" for any other."""
        return ""


def all_at_once(act: Callable[[Op], None], operations: Sequence[Op]) -> None:
    """Act on all; the first failure is raised after every one has been tried."""
    if len(operations) < 2:
        for operation in operations:
            act(operation)
        return
    with ThreadPoolExecutor(min(MOST_AT_ONCE, len(operations))) as pool:
        for done in [pool.submit(act, operation) for operation in operations]:
            done.result()
