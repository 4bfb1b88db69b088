"""A part of a population that a check names itself: a cohort, or the requests for which a function is true."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from testbed.errors import CheckError, nearest
from testbed.history.events import Request
from testbed.history.index import Index

Predicate = Callable[[Request], bool]


@dataclass(frozen=True)
class Selection:
    """The requests of one cohort, those for which a function is true, or both."""

    cohort: str = ""
    predicate: Predicate | None = None

    def includes(self, request: Request) -> bool:
        """Whether a request belongs to it. Raises `CheckError` if the function does not take it."""
        return self.cohort in ("", request.cohort) and self._is_true(request)

    def _is_true(self, request: Request) -> bool:
        try:
            return self.predicate is None or bool(self.predicate(request))
        except Exception as error:
            raise CheckError(f"where({self._name}) fails for {request}: {type(error).__name__}: {error}") from error

    def fits(self, check: str, index: Index) -> None:
        """Raise `CheckError` if no user of the run has this cohort."""
        known = {request.cohort for request in index.requests if request.cohort}
        if self.cohort and self.cohort not in known:
            valid = nearest(self.cohort, known) or "; the load has none: constant_rate(..., cohorts={...})"
            raise CheckError(f"{check}: no request of this run belongs to a cohort {self.cohort!r}{valid}")

    @property
    def words(self) -> str:
        """The selection in a table: `cohort oslo`, `where is_cart`."""
        parts = (f"cohort {self.cohort}" if self.cohort else "", f"where {self._name}" if self.predicate else "")
        return ", ".join(filter(None, parts))

    def __str__(self) -> str:
        """Return it as written after a check."""
        where = f".where({self._name})" if self.predicate else ""
        return (f".for_cohort({self.cohort!r})" if self.cohort else "") + where

    @property
    def _name(self) -> str:
        """The name of the function; for a lambda its file and line."""
        name = getattr(self.predicate, "__name__", type(self.predicate).__name__)
        code = getattr(self.predicate, "__code__", None)
        return f"{Path(code.co_filename).name}:{code.co_firstlineno}" if code and name == "<lambda>" else name
