"""A report in the hands of a test, which knows whether the test looked at its result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from testbed.checks.judging.report import Report

_RESULT = frozenset({"red", "of", "headline"})
_ALWAYS_TRUE = frozenset({"outcome", "verdicts"})  # `assert report.outcome` could never fail: a comparison is a look
_TRUTH = frozenset({"__new__", "__init__", "__len__", "__class__"})


class LookedAt(Report):
    """The same report. It counts as looked at when its outcome or verdicts are used, or its headline is read.

    The truth of an outcome (a text) and the number of verdicts say nothing of the result, so they are no use of it.
    """

    def __init__(self, plain: Report) -> None:
        super().__init__(plain.verdicts, plain.test, plain.mesh, plain.seed, plain.blind)
        object.__setattr__(self, "plain", plain)
        object.__setattr__(self, "looked_at", False)

    plain: Report
    looked_at: bool

    def look(self) -> None:
        """Count as looked at."""
        object.__setattr__(self, "looked_at", True)

    def forget(self) -> None:
        """Count as not looked at again: it was raised, and whoever catches that has yet to look."""
        object.__setattr__(self, "looked_at", False)

    def __getattribute__(self, name: str) -> object:
        """Return an attribute, and note that the test read the result."""
        if name in _ALWAYS_TRUE:
            return _noticing(getattr(super().__getattribute__("plain"), name), super().__getattribute__("look"))
        if name in _RESULT:
            super().__getattribute__("look")()
        return super().__getattribute__(name)

    def __eq__(self, other: object) -> bool:
        """Whether the other report says the same."""
        self.look()
        return self.plain == (other.plain if isinstance(other, LookedAt) else other)

    def __hash__(self) -> int:
        """Return the hash of the report."""
        return hash(self.plain)


def _noticing(value: Any, look: Callable[[], None]) -> object:
    """Return an equal value that calls `look` when it is compared, printed or taken apart."""

    def used(name: str) -> Callable[..., object]:
        def method(self: object, *given: object) -> object:
            look()
            return getattr(kind, name)(value, *given)

        return method

    kind = type(value)
    names = {name for name in dir(kind) if callable(getattr(kind, name))} - _TRUTH - {*dir(object)}
    compared = ("__eq__", "__ne__", "__hash__", "__repr__", "__str__", "__format__", "__getitem__", "__iter__")
    return type(kind.__name__, (kind,), {name: used(name) for name in (*names, *compared)})(value)
