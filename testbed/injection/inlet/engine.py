"""The engine of request faults: the inlet gets all rules at once, so this keeps the rules of every fault."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from testbed.faults.operations import Rule
from testbed.injection.engines import Engine
from testbed.injection.inlet.rules import as_read


class RuleControl(Protocol):
    """The needed part of the inlet."""

    def set(self, rules: Sequence[Rule]) -> None:
        """Replace all rules and read them back."""

    def rules(self) -> tuple[Rule, ...] | None:
        """Return the rules in force; None if there is no answer."""


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

    def foreign(self, operations: Sequence[Rule]) -> list[str]:
        """Compare the rules of the inlet with these."""
        found, ours = self._inlet.rules(), as_read(operations)
        if found is None:
            return []
        others = [f"the inlet has a rule that this run did not set ({rule})" for rule in found if rule not in ours]
        return others + [f"the inlet has lost the rule of {rule.fault}" for rule in ours if rule not in found]
