"""Questions to the graph of a spec, which are answered whether or not its parts fit together."""

from __future__ import annotations

from typing import Any

import pytest

from testbed.errors import TopologyError
from testbed.spec.spec import Spec
from testbed.spec.topology import Topology

SERVICES: dict[str, Any] = {
    "web": {"language": "go", "calls": ["api", {"to": "cart", "onFailure": {"fallback": "x", "call": "api"}}]},
    "api": {"command": "x", "replicas": 2, "calls": ["db"]},
    "cart": {"command": "x", "protocol": "grpc", "calls": ["db"]},
    "db": {"address": "localhost:5432", "protocol": "tcp", "resetPath": "/reset"},
    "alone": {"language": "go"},
}
POLICIES = [{"edge": "web->api", "timeout": "1s"}]


def spec(kind: type[Spec] = Spec, **more: Any) -> Any:
    return kind.model_validate({"name": "t", "entry": "web", "services": SERVICES, "policies": POLICIES} | more)


def test_edges_come_in_file_order_and_once_each() -> None:
    texts = ["client -> web", "web -> api", "web -> cart", "api -> db", "cart -> db"]
    assert [str(edge) for edge in spec().edges()] == texts
    assert spec().upstreams("web") == ("api", "cart")


def test_callers_and_reachable_services() -> None:
    assert spec().callers_of("db") == {"web", "api", "cart"}
    assert spec().callers_of("web") == frozenset()
    assert spec().reachable() == {"web", "api", "cart", "db"}


def test_protocol_policy_and_request_faults_of_an_edge() -> None:
    made = spec(edges={"web -> api": {"requestFaults": False}})
    assert [made.protocol(edge) for edge in made.edges()] == ["http", "http", "grpc", "tcp", "tcp"]
    assert [made.has_request_faults(edge) for edge in made.edges()] == [True, False, True, False, False]
    assert made.policy("web -> api") == made.policies[0]
    assert made.policy("web -> cart") is None
    assert made.place_of(made.policies[0]) == ("policies", 0)


@pytest.mark.parametrize(
    ("question", "words"),
    [
        (lambda s: s.edge("web -> dbb"), "no edge 'web -> dbb'"),
        (lambda s: s.edge("web"), "write an edge as 'caller -> callee'"),
        (lambda s: s.upstreams("dbb"), r"no service 'dbb' \(did you mean 'db'\?\)"),
        (lambda s: s.replica_names("ap"), r"no service 'ap' \(did you mean 'api'\?\)"),
    ],
)
def test_an_unknown_name_is_an_error_with_the_nearest_name(question: Any, words: str) -> None:
    with pytest.raises(TopologyError, match=words):
        question(spec())


def test_a_spec_does_not_check_consistency() -> None:
    assert spec(entry="wbe").entry == "wbe"
    with pytest.raises(ValueError, match="no service 'wbe'"):
        spec(Topology, entry="wbe")


@pytest.mark.parametrize("kind", [Spec, Topology])
def test_policies_can_be_left_out(kind: type[Spec]) -> None:
    made = spec(kind)
    bare = made.without_policies()
    assert bare == spec(kind, policies=())
    assert type(bare) is kind
    assert len(made.policies) == 1


def test_another_address_changes_nothing_else() -> None:
    made = spec(Topology)
    moved = made.with_addresses({"db": "127.0.0.1:5433"})
    assert moved == made.with_overrides(addresses={"db": "127.0.0.1:5433"})
    assert moved.model_dump(by_alias=True) == made.with_overrides(addresses={"db": "127.0.0.1:5433"}).model_dump(
        by_alias=True
    )
    assert made.services["db"].address == "localhost:5432"
    assert made.with_addresses({}) is made


def test_keys_of_the_users_own_are_a_place_for_anchors() -> None:
    services: dict[str, Any] = {"web": {"language": "go", "x-owner": "us"}}
    made = Topology.model_validate({"name": "t", "entry": "web", "services": services, "x-common": {"language": "go"}})
    assert made.services["web"].language == "go"
    assert "x-common" not in made.model_dump(by_alias=True)
    with pytest.raises(ValueError, match="y-common"):
        Topology.model_validate({"name": "t", "entry": "web", "services": services, "y-common": {}})


@pytest.mark.parametrize("header", ["cookie", "Authorization", "host", "content-length", "connection", "x-a\n"])
def test_a_header_that_means_something_else_carries_no_context(header: str) -> None:
    with pytest.raises(ValueError, match="cannot carry|cannot be forwarded|is not a header name"):
        spec(Topology, contextHeaders=[header])


@pytest.mark.parametrize("bad", ["/a\x00b", "/a\x1bb", "/a\x7fb", "/a\x85b"])
def test_control_characters_are_in_no_path(bad: str) -> None:
    with pytest.raises(ValueError, match="is not a route"):
        spec(Topology, services={"web": {"language": "go", "routes": {bad: {}}}})
    with pytest.raises(ValueError, match="begin with /"):
        spec(Topology, services={"web": {"command": ["x"], "ready": {"http": bad}}})
