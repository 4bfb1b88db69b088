"""The validated topology: services, calls and policies that are consistent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self, Unpack

from pydantic import PrivateAttr, ValidationError, model_validator

from testbed.errors import TopologyError
from testbed.spec.lint.warnings import warnings_of
from testbed.spec.overrides import Overrides, given
from testbed.spec.overriding import objections, overridden
from testbed.spec.policies.policy import Policy
from testbed.spec.private import described
from testbed.spec.problems import FieldPath, Problem, explain, several
from testbed.spec.reading import Source
from testbed.spec.rules.consistency import broken_rules
from testbed.spec.spec import Spec


class Topology(Spec):
    """Services, calls and policies. Raises TopologyError if they are not consistent."""

    _source: Source = PrivateAttr(default_factory=Source)

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if problems := broken_rules(self):
            raise several(problems)
        return self

    def recorded(self) -> dict[str, Any]:
        """Return it as JSON data for a history: without values of `env`, logins and secret options of commands."""
        return described(self.model_dump(mode="json", by_alias=True))

    @classmethod
    def from_source(cls, data: object, source: Source) -> Self:
        """Return the topology of a source. Raises pydantic's `ValidationError` for invalid data."""
        made = cls.model_validate(data)
        made._source = source
        return made

    @property
    def folder(self) -> Path:
        """The folder of its file, or the current folder if it was made in Python."""
        return Path(self._source.file).absolute().parent if self._source.file else Path.cwd()

    def warnings(self) -> tuple[str, ...]:
        """The lint warnings, one sentence each, with file and line if the topology was read from a file."""
        return tuple(self._source.at(warning.place, warning.message) for warning in warnings_of(self))

    def located(self, place: FieldPath, message: str) -> str:
        """Write a message about one place, with file and line if the topology was read from a file."""
        return self._source.at(place, str(Problem(place, message)))

    def error(self, place: FieldPath, message: str) -> TopologyError:
        """Return an error about one place."""
        return TopologyError(self.located(place, message))

    def with_overrides(self, **overrides: Unpack[Overrides]) -> Topology:
        """Return a changed topology. An override of None changes nothing.

        `policies` maps edges to changes of their policy, merged key by key; None removes the policy. `addresses`
        maps external services to host and port, and replaces their command, image or language. `request_faults`
        applies to all edges. With `mesh="none"` the placement of the file is ignored. Raises TopologyError for an
        unknown, invalid or contradictory override.
        """
        wanted = given("with_overrides", overrides)
        if not wanted:
            return self
        if problems := objections(self, wanted):
            raise _override_error(problems)
        return self.derived(overridden(self, wanted))

    def without_policies(self) -> Self:
        """Return a copy without policies."""
        bare = super().without_policies()
        bare._source = self._source.moved(_numbers(self), {})
        return bare

    def derived(self, data: dict[str, Any]) -> Topology:
        """Return a topology with these fields. Raises `TopologyError` that names the override."""
        try:
            made = Topology.model_validate(data)
        except ValidationError as error:
            raise _override_error(_by_edge(problem, data) for problem in explain(error, Topology)) from None
        same = [policy.edge for policy in made.policies if policy in self.policies]
        made._source = self._source.moved(_numbers(self), _numbers(made), same)
        return made


def _numbers(topology: Topology) -> dict[str, FieldPath]:
    return {policy.edge: topology.place_of(policy) for policy in topology.policies}


def _override_error(problems: Iterable[Problem]) -> TopologyError:
    return TopologyError("\n".join(f"override of {problem}" for problem in problems))


def _by_edge(problem: Problem, data: Mapping[str, Any]) -> Problem:
    """Name a policy by its edge, as in the override, not by its number in the list."""
    match problem.place:
        case ("policies", int(index), *rest):
            policy = data["policies"][index]
            edge = policy.edge if isinstance(policy, Policy) else policy["edge"]
            return Problem(("policies", edge, *rest), problem.message)
    return problem
