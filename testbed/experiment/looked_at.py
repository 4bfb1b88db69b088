"""A report in the hands of a test, which knows whether the test looked at its result."""

from __future__ import annotations

from testbed.checks.judging.report import Report

_RESULT = frozenset({"outcome", "red", "of", "verdicts", "headline"})


class LookedAt(Report):
    """The same report. It counts as looked at when its outcome, its verdicts or its headline are read."""

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
