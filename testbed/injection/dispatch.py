"""Selects the engine for an operation by the type of the operation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import Any

from testbed.errors import TestbedError
from testbed.faults.operations import Operation
from testbed.history.events import ProcessEvent
from testbed.injection.engines import Engine


class EngineSet:
    """All engines of a mesh, used as one."""

    def __init__(self, *engines: Engine[Any]) -> None:
        self._engines = engines
        self._by_type: dict[type, Engine[Any]] = {kind: engine for engine in engines for kind in engine.handles}

    @property
    def events(self) -> list[ProcessEvent]:
        """The actions on processes, in the order of each engine."""
        return [event for engine in self._engines for event in engine.events]

    def require(self, operations: Sequence[Operation], *, dry: bool) -> None:
        """Raise the error of the first engine that cannot carry out its operations of one fault."""
        for engine, share in self._shares(operations):
            engine.require(share, dry=dry)

    def apply(self, operations: Sequence[Operation]) -> None:
        """Carry out operations in their order."""
        for engine, run in self._runs(operations):
            engine.apply(run)

    def undo(self, operations: Sequence[Operation]) -> None:
        """Undo operations, the last first; continues after a failure and raises it at the end."""
        take_all(partial(engine.undo, run) for engine, run in self._runs(reversed(operations)))

    def hits(self, operations: Sequence[Operation]) -> int | None:
        """Return the number of effects of the operations of one fault; None if no engine counts."""
        found = [engine.hits(share) for engine, share in self._shares(operations)]
        counts = [count for count in found if count is not None]
        return sum(counts) if counts else None

    def foreign(self, operations: Sequence[Operation]) -> list[str]:
        """Return in words what is in force at any engine besides these operations, or is missing of them."""
        return [
            text
            for engine in self._engines
            for text in engine.foreign([one for one in operations if isinstance(one, engine.handles)])
        ]

    def caveat(self, operations: Sequence[Operation]) -> str:
        """Return an addition to the text of a fault with these operations."""
        return "".join(engine.caveat(share) for engine, share in self._shares(operations))

    def _shares(self, operations: Iterable[Operation]) -> Iterator[tuple[Engine[Any], list[Operation]]]:
        """Yield each needed engine, with its operations."""
        return self._runs(sorted(operations, key=lambda op: self._engines.index(self._engine(op))))

    def _runs(self, operations: Iterable[Operation]) -> Iterator[tuple[Engine[Any], list[Operation]]]:
        """Yield operations in order, consecutive ones of the same engine together."""
        for engine, run in groupby(operations, key=self._engine):
            yield engine, list(run)

    def _engine(self, operation: Operation) -> Engine[Any]:
        if found := self._by_type.get(type(operation)):
            return found
        raise TestbedError(f"no engine carries out {operation}")


def take_all(steps: Iterable[Callable[[], object]], what: str = "") -> None:
    """Take every step; then raise one `TestbedError` that begins with `what` for all failures."""
    failures: list[Exception] = []
    for step in steps:
        try:
            step()
        except Exception as failure:
            failures.append(failure)
    if failures:
        raise TestbedError(f"{what}{'; '.join(map(str, failures))}") from failures[0]
