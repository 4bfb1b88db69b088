"""Explains why a proxy did not start: the policy value that it refuses, its message, and our file and line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING

from testbed.errors import TestbedError, TopologyError
from testbed.experiment.planning import plan_for
from testbed.mesh import mesh_named
from testbed.plan.make import Plan
from testbed.runtime import NotReady
from testbed.spec.problems import FieldPath
from testbed.spec.written import leaves, pruned

if TYPE_CHECKING:
    from testbed.spec.topology import Topology

Words = Callable[[str], str]


def explain(error: NotReady, plan: Plan, words: Words | None = None) -> TestbedError:
    """Return an error with the value to change, or the given error if the configuration is not the cause.

    `words` returns why a configuration is refused; by default the mesh does.
    """
    words = cache(words or mesh_named(plan.topology.mesh).explain_rejection)
    paths = [file.path for file in plan.files if f"{{dir}}/{file.path}" in _argv(plan, error.process)]
    if not paths or not any(process.role == "proxy" and process.name == error.process for process in plan.processes):
        return error

    def refused(topology: Topology) -> str:
        made = plan_for(topology, plan.space)
        return next(words(file.text) for file in made.files if file.path == paths[0])

    said = refused(plan.topology)
    if not said:
        return error
    place = minimal_cause(plan.topology, refused) or ("policies",)
    return TopologyError(plan.topology.located(place, f"{error.process} refuses it: {said}"))


def minimal_cause(topology: Topology, refused: Callable[[Topology], str]) -> FieldPath | None:
    """Return the smallest part of a policy that causes the refusal: without it, the configuration is accepted."""
    for index in range(len(topology.policies)):
        if not refused(_without(topology, index)):
            smaller = (place for place, made in _smaller(topology, index) if not refused(made))
            return ("policies", index, *next(smaller, ()))
    return None


def _without(topology: Topology, index: int) -> Topology:
    rest = tuple(policy for number, policy in enumerate(topology.policies) if number != index)
    return topology.model_copy(update={"policies": rest})


def _smaller(topology: Topology, index: int) -> Iterator[tuple[FieldPath, Topology]]:
    """Each optional value of a policy, and the topology without it."""
    from testbed.spec.policies.policy import Policy

    policy = topology.policies[index]
    for place in leaves(policy):
        try:
            less = Policy.model_validate(pruned(policy, place))
        except ValueError:
            continue
        policies = [*topology.policies[:index], less, *topology.policies[index + 1 :]]
        yield place, topology.model_copy(update={"policies": tuple(policies)})


def _argv(plan: Plan, name: str) -> tuple[str, ...]:
    return next(process.argv for process in plan.processes if process.name == name)
