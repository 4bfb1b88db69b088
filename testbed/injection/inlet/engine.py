"""The engine of request faults: the inlet gets all rules at once, so this keeps the rules of every fault."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from testbed.faults.operations import Rule
from testbed.injection.engines import Engine


class RuleControl(Protocol):
    """The needed part of the inlet."""

    def set(self, rules: Sequence[Rule]) -> None:
        """Replace all rules and read them back."""


class RuleEngine(Engine[Rule]):
    """Adds the rules of one fault to the rules in force, and removes them."""

    handles = (Rule,)

    def __init__(self, inlet: RuleControl) -> None:
        self._inlet = inlet
        self._active: list[Rule] = []

    def apply(self, operations: Sequence[Rule]) -> None:
        """Put rules in force in addition to the others."""
        self._active += operations
        self._inlet.set(tuple(self._active))

    def undo(self, operations: Sequence[Rule]) -> None:
        """Remove these rules, and keep all others in force."""
        self._active = [rule for rule in self._active if rule not in operations]
        self._inlet.set(tuple(self._active))
