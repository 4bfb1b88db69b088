"""The scope of a request fault: all requests, some users, a cohort, a share of the requests, some attempts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from testbed.errors import FaultError, nearest
from testbed.faults.chance import unit
from testbed.faults.operations import Scope


@dataclass(frozen=True)
class Scoping:
    """The scope as written. `resolve` returns the scope of one run, with the ids of its users."""

    named: tuple[str, ...] = ()
    percent_users: float | None = None
    cohort: str | None = None
    percent_requests: float | None = None
    attempts: tuple[int, ...] = ()

    @property
    def fixed(self) -> bool:
        """Whether the users in scope are fixed before the run, as a fair comparison needs."""
        return bool(self.named or self.percent_users or self.cohort)

    def users(self, named: Sequence[str], percent: float | None) -> Scoping:
        """Add users, by name or as a share of all."""
        if bool(named) == (percent is not None):
            raise FaultError("for_users takes user ids or percent=, one of the two")
        self._only_one("for_users", self.fixed)
        if percent is not None:
            _share("for_users", percent)
        return replace(self, named=tuple(named), percent_users=percent)

    def of_cohort(self, cohort: str) -> Scoping:
        """Add a cohort of the load."""
        self._only_one("for_cohort", self.fixed)
        if not cohort:
            raise FaultError("for_cohort() takes the name of a cohort of the load")
        return replace(self, cohort=cohort)

    def requests(self, percent: float) -> Scoping:
        """Add a share of the requests."""
        self._only_one("for_requests", self.percent_requests is not None)
        _share("for_requests", percent)
        return replace(self, percent_requests=percent)

    def of_attempts(self, attempts: Sequence[int]) -> Scoping:
        """Add attempt numbers."""
        self._only_one("for_attempts", bool(self.attempts))
        if not attempts or any(not isinstance(a, int) or a < 1 for a in attempts):
            raise FaultError(f"for_attempts takes attempt numbers from 1 on, not {tuple(attempts)}")
        return replace(self, attempts=tuple(attempts))

    def resolve(self, population: Mapping[str, str], seed: int, fault: str) -> Scope:
        """Return the scope of one run; `FaultError` if it needs users or a cohort that the load does not have."""
        return Scope(
            users=self._users(population, seed, fault),
            cohort=self._cohort(population, fault),
            requests=None if self.percent_requests is None else self.percent_requests / 100,
            attempts=frozenset(self.attempts) or None,
            seed=seed,
        )

    def _users(self, population: Mapping[str, str], seed: int, fault: str) -> frozenset[str] | None:
        if self.percent_users is None:
            return frozenset(self.named) or None
        if not population:
            raise FaultError(f"{fault}: percent= selects users of a load: inject while a load runs, or name the users")
        count = max(1, round(len(population) * self.percent_users / 100))
        ranked = sorted(population, key=lambda user: (unit(f"{seed}|marked|{user}"), user))
        return frozenset(ranked[:count])

    def _cohort(self, population: Mapping[str, str], fault: str) -> str | None:
        cohorts = {cohort for cohort in population.values() if cohort}
        if self.cohort and population and self.cohort not in cohorts:
            raise FaultError(f"{fault}: the load has no cohort {self.cohort!r}{nearest(self.cohort, cohorts)}")
        return self.cohort

    def _only_one(self, method: str, taken: bool) -> None:
        if taken:
            raise FaultError(f"{method} contradicts the existing scope: {str(self).lstrip('.')}")

    def __str__(self) -> str:
        """Return the scope as written: `.for_cohort('trondheim').for_attempts(1)`."""
        parts = [
            f".for_users({', '.join(map(repr, self.named))})" if self.named else "",
            f".for_users(percent={self.percent_users:g})" if self.percent_users is not None else "",
            f".for_cohort({self.cohort!r})" if self.cohort else "",
            f".for_requests(percent={self.percent_requests:g})" if self.percent_requests is not None else "",
            f".for_attempts({', '.join(map(str, self.attempts))})" if self.attempts else "",
        ]
        return "".join(parts)


def _share(method: str, percent: float) -> None:
    if not 0 < percent <= 100:
        raise FaultError(f"{method}(percent={percent:g}): percent is above 0 and at most 100")
