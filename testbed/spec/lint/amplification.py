"""How many attempts at a service one request can cause: the tries of all calls on a path multiply."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from testbed.spec.lint.retry_layers import layer_of
from testbed.spec.meshes import capabilities
from testbed.spec.routes import Node, callee_of, calls_from, nodes_bottom_up

if TYPE_CHECKING:
    from testbed.spec.spec import Spec

Factors = tuple[int, ...]


@dataclass(frozen=True)
class Amplification:
    """The tries on every path to a service (without factors of 1), and the number of paths with the same tries."""

    paths: Mapping[Factors, int]

    @property
    def most(self) -> int:
        """The maximum number of attempts that one request can cause: the sum of the products."""
        return sum(number * math.prod(factors) for factors, number in self.paths.items())

    def __str__(self) -> str:
        """Write the sum: `3 x 3 = 9`, `2 times 3 x 3, and 1 = 19`, or `1`."""
        parts = [f"{number} times {text}" if number > 1 else text for number, text in self._parts()]
        total = ", and ".join(parts) or "0"
        return total if total == str(self.most) else f"{total} = {self.most}"

    def _parts(self) -> list[tuple[int, str]]:
        ordered = sorted(self.paths.items(), key=lambda item: math.prod(item[0]), reverse=True)
        return [(number, " x ".join(map(str, factors)) or "1") for factors, number in ordered]


def amplification(spec: Spec, service: str, node: Node) -> Amplification:
    """Return how many attempts at `service` one request at a route can cause according to the topology.

    On the last edge of a path every try counts, including refused ones. On earlier edges only tries that may reach
    the callee count (a policy that retries only connection failures does no work twice). Fallback calls count, retry
    budgets and circuit breakers do not: the result is an upper bound. Without a mesh no policy is in force.
    """
    enforced = spec if capabilities(spec.mesh).enforces_policies else spec.without_policies()
    return Amplification(_Paths(enforced, service).below(node))


class _Paths:
    """The paths to one service from every route. Each route is computed once."""

    def __init__(self, spec: Spec, service: str) -> None:
        self._spec, self._service = spec, service
        self._known: dict[Node, Counter[Factors]] = {}
        for node in nodes_bottom_up(spec):
            self.below(node)

    def below(self, node: Node) -> Counter[Factors]:
        if node not in self._known:
            found: Counter[Factors] = Counter()
            for place, call in calls_from(self._spec, node):
                layer = layer_of(self._spec, node, place, call)
                if call.to == self._service:
                    found[_real(call.tries, layer.tries // call.tries)] += 1
                for factors, number in self.below(callee_of(self._spec, call)).items():
                    found[(*_real(*layer.repeats), *factors)] += number
            self._known[node] = found
        return self._known[node]


def _real(*factors: int) -> Factors:
    return tuple(factor for factor in factors if factor > 1)
