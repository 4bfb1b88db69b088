"""The graph of routes: where calls arrive, in which order routes can be computed, and how long a chain may be."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from testbed.errors import TopologyError
from testbed.spec.lint.amplification import amplification
from testbed.spec.routes import Node, nodes_bottom_up
from testbed.spec.topology import Topology


def topology(entry: str, services: dict[str, Any], policies: list[Any] | None = None) -> Topology:
    data = {name: {"language": "go", **words} for name, words in services.items()}
    return Topology(name="t", entry=entry, services=data, policies=policies or [])


def test_every_route_comes_after_those_that_it_calls() -> None:
    made = topology("a", {"a": {"calls": ["b", {"to": "c", "path": "/x"}]}, "b": {"calls": ["c"]}, "c": {}})
    assert [str(node) for node in nodes_bottom_up(made)] == ["c", "b", "a"]


def test_a_call_arrives_at_the_route_of_its_method_and_path() -> None:
    b = {"routes": {"/x": {"calls": ["c"]}, "POST /x": {}}}
    made = topology("a", {"a": {"calls": [{"to": "b", "path": "/x?q=1"}]}, "b": b, "c": {}})
    assert list(map(str, nodes_bottom_up(made))).index("b (/x)") < list(map(str, nodes_bottom_up(made))).index("a")
    assert amplification(made, "c", Node("a")).most == 1


LONG = 180  # more than Python can follow call by call


def test_a_long_chain_of_services_is_supported() -> None:
    names = [f"s{number}x" for number in range(LONG)]
    services = {name: {"calls": [callee]} for name, callee in pairwise(names)} | {names[-1]: {}}
    policy = {"retries": {"attempts": 1, "retryOn": "5xx"}}
    policies = [{"edge": f"{caller} -> {callee}", **policy} for caller, callee in pairwise(names)]
    made = topology(names[0], services, policies)
    assert len(made.reachable()) == LONG
    assert len(made.warnings()) == 1
    assert amplification(made, names[-1], Node(names[0])).most == 2 ** (LONG - 1)


@pytest.mark.parametrize(
    ("b", "circle"),
    [({"calls": ["a"]}, "a -> b -> a"), ({"routes": {"GET /": {"calls": ["b"]}}}, "b (GET /) -> b (GET /)")],
)
def test_circular_calls_are_an_error_with_the_circle(b: dict[str, Any], circle: str) -> None:
    with pytest.raises(TopologyError, match="circular calls that never terminate: ") as caught:
        topology("a", {"a": {"calls": ["b"]}, "b": b})
    assert str(caught.value).endswith(circle)
