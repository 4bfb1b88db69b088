"""How many attempts at one service a single request can become: the tries of every call on the way multiply."""

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
    """The tries on every path to a service (ones left out), and how many paths have the same."""

    paths: Mapping[Factors, int]

    @property
    def most(self) -> int:
        """The most attempts that one request can cause: the sum of the products."""
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
    """Return how many attempts at `service` one request at a route can become, by all that is written.

    On the last edge of a path every try counts, refused ones too; on those before it, only the tries that may reach
    the callee (a policy that retries nothing but failures to connect does no work twice). Fallback calls count, budgets
    and breakers do not: so it is the most that can happen, not what will. Without a mesh no policy is in force.
    """
    enforced = spec if capabilities(spec.mesh).enforces_policies else spec.without_policies()
    return Amplification(_Paths(enforced, service).below(node))


class _Paths:
    """The paths to one service from every route, each route looked at once."""

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
