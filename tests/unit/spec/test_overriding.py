"""Overrides are merged key by key, leave everything else as it is, and are refused where they cannot be meant."""

from __future__ import annotations

from typing import Any

import pytest

from testbed.errors import TopologyError
from testbed.spec.topology import Topology
from tests.kit.policies import shop

RETRIES = {"attempts": 2, "backoff": "10ms"}


def test_without_overrides_the_data_stays_the_same() -> None:
    made = shop()
    assert made.with_overrides() is made
    assert made.with_overrides(mesh=None, policies=None) is made


def test_keys_of_a_policy_are_merged_at_every_depth() -> None:
    made = shop(retries=RETRIES, timeout="1s").with_overrides(
        policies={"api->db": {"retries": {"attempts": 5}}, "web -> api": None}
    )
    assert made.policies == (shop(retries=RETRIES | {"attempts": 5}, timeout="1s").policies[1],)


def test_an_edge_without_a_policy_gets_one_at_the_end() -> None:
    bare = shop().without_policies()
    made = bare.with_overrides(policies={"web -> api": {"timeout": "2s"}})
    assert [(policy.edge, policy.timeout) for policy in made.policies] == [("web -> api", 2000.0)]


def test_mesh_and_placement() -> None:
    on_nodes = shop().with_overrides(placement="node")
    assert on_nodes.placement == "node"
    assert on_nodes.with_overrides(mesh="envoy").placement == "node"
    assert on_nodes.with_overrides(mesh="none").placement == "sidecar"
    with pytest.raises(TopologyError, match="override of placement: mesh none has no proxy"):
        on_nodes.with_overrides(mesh="none", placement="node")


def test_replicas_change_only_the_number_of_replicas() -> None:
    made = shop().with_overrides(replicas={"db": 5})
    assert made.services["db"].replicas == 5
    assert made.with_overrides(replicas={"db": 2}) == shop()


def test_request_faults_hold_for_all_edges_that_can_have_them() -> None:
    data: dict[str, Any] = {"web": {"language": "go", "calls": ["api"]}, "api": {"command": "x", "calls": ["db"]}}
    data["db"] = {"address": "a:1", "protocol": "tcp"}
    made = Topology(name="t", entry="web", services=data).with_overrides(request_faults=True)
    assert list(made.edge_settings) == ["client -> web", "web -> api"]
    without = made.with_overrides(request_faults=False)
    assert not any(without.has_request_faults(edge) for edge in without.edges())


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"replicas": {"dbb": 2}}, "override of replicas.dbb: no service 'dbb' (did you mean 'db'?)"),
        ({"replicas": {"db": 0}}, "override of services.db.replicas: must be at least 1, is 0"),
        ({"mesh": "istio"}, "override of mesh: unknown mesh 'istio'"),
        ({"policies": {"api -> dbb": {}}}, "no edge 'api -> dbb' (did you mean 'api -> db'?)"),
        ({"policies": {"api -> db": {}, "api->db": {}}}, 'override of policies["api -> db"]: given twice'),
        ({"policies": {"api -> db": 5}}, "must be a mapping, or None to remove the policy"),
        ({"policies": {"api -> db": {"timout": "1s"}}}, 'policies["api -> db"].timout: unknown key (did you mean'),
        ({"mesh": "none", "policies": {"api -> db": {}}}, "override of policies: mesh none has no proxy"),
    ],
)
def test_an_impossible_override_is_an_error(overrides: Any, words: str) -> None:
    with pytest.raises(TopologyError) as caught:
        shop().with_overrides(**overrides)
    assert words in str(caught.value)


def test_all_problems_are_reported_at_once() -> None:
    with pytest.raises(TopologyError) as caught:
        shop().with_overrides(addresses={"x": "a:1"}, replicas={"y": 1}, policies={"web -> z": None})
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == [
        "override of replicas.y",
        "override of addresses.x",
        'override of policies["web -> z"]',
    ]
