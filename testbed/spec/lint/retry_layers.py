"""Layers of retries, and which of them multiply because one retries the failures of another."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from testbed.spec.calls import Call
from testbed.spec.edges import Edge
from testbed.spec.problems import FieldPath
from testbed.spec.routes import Node, callee_of, calls_from, nodes, nodes_bottom_up

if TYPE_CHECKING:
    from testbed.spec.spec import Spec


@dataclass(frozen=True, slots=True)
class Layer:
    """One call that is tried more than once."""

    place: FieldPath
    edge: Edge
    tries: int  # of the application and its proxy together
    repeats_failures: bool  # whether this layer retries failures of lower layers
    repeats: tuple[int, ...]  # tries of the application and attempts of its proxy that may repeat the callee's work


Chain = tuple[Layer, ...]


def retry_chains(spec: Spec) -> Iterator[Chain]:
    """Yield the longest chain of multiplying retries below each call.

    A chain that is the end of another chain is left out.
    """
    worst = _Worst(spec)
    found = [chain for node in nodes(spec) for chain in worst.from_calls(node) if len(chain) > 1]
    inner = {layer for chain in found for layer in chain[1:]}
    yield from (chain for chain in dict.fromkeys(found) if chain[0] not in inner)


class _Worst:
    """The chain with the largest product below each route. Each route is computed once."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._known: dict[Node, Chain] = {}
        for node in nodes_bottom_up(spec):
            self.below(node)

    def below(self, node: Node) -> Chain:
        if node not in self._known:
            self._known[node] = max(self.from_calls(node), key=_product, default=())
        return self._known[node]

    def from_calls(self, node: Node) -> Iterator[Chain]:
        for place, call in calls_from(self._spec, node):
            layer = layer_of(self._spec, node, place, call)
            deeper = self.below(callee_of(self._spec, call))
            if layer.tries == 1:
                yield deeper
            elif layer.repeats_failures:
                yield (layer, *deeper)
            else:
                yield max((layer,), deeper, key=_product)


def _product(chain: Chain) -> int:
    return math.prod(layer.tries for layer in chain)


def layer_of(spec: Spec, node: Node, place: FieldPath, call: Call) -> Layer:
    """Return how often one call of a route is tried, and how many tries may reach the callee."""
    edge = Edge(node.service, call.to)
    policy = spec.policy(edge)
    tries = call.tries * (policy.attempts if policy else 1)
    where = spec.place_of(policy) if policy and policy.attempts > 1 else place
    rpcs = policy is not None and policy.repeats_rpcs and spec.protocol(edge) == "grpc"
    repeats = (call.tries, policy.attempts if policy and (policy.repeats_work or rpcs) else 1)
    failures = policy is not None and (policy.repeats_failures or rpcs)
    return Layer(where, edge, tries, call.tries > 1 or failures, repeats)
