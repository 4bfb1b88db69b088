"""Placement: where the proxies of a topology run, who shares one, and what they share."""

import json
from typing import Any

import pytest

from testbed.errors import TopologyError
from testbed.experiment.planning import plan_for
from testbed.plan.describe import as_data, as_text
from testbed.plan.make import Plan
from testbed.plan.values import AddressSpace, links_from
from testbed.spec.graph import mermaid, tree
from testbed.spec.topology import Topology

SHOP = {
    "name": "t",
    "placement": "node",
    "entry": "front",
    "services": {
        "front": {"language": "go", "replicas": 3, "calls": ["back", "auth"]},
        "back": {"language": "go", "replicas": 2, "calls": ["auth"]},
        "auth": {"language": "python"},
    },
    "policies": [{"edge": "front -> back", "circuitBreaker": {"maxRequests": 2}}],
}


def topology(**changes: Any) -> Topology:
    return Topology.model_validate(SHOP | changes)


def with_nodes(**nodes: Any) -> Topology:
    services: dict[str, dict[str, Any]] = SHOP["services"]  # type: ignore[assignment]
    return topology(services={name: service | nodes.get(name, {}) for name, service in services.items()})


def on_nodes(made: Topology) -> dict[str, list[str]]:
    return {
        node.name: [replica.name for replica in node.replicas] for node in plan_for(made, AddressSpace("127.9")).nodes
    }


def proxies(plan: Plan) -> list[str]:
    return [process.name for process in plan.processes if process.role == "proxy"]


def config(plan: Plan, node: str) -> dict[str, Any]:
    text = next(file.text for file in plan.files if file.path == f"{node}/envoy.json")
    found: dict[str, Any] = json.loads(text)["static_resources"]
    return found


# -- where replicas run


def test_replicas_are_spread_over_two_nodes_in_turn() -> None:
    assert on_nodes(topology()) == {
        "node-1": ["front-1", "front-3", "back-1", "auth-1"],
        "node-2": ["front-2", "back-2"],
    }


def test_services_and_replicas_can_be_pinned() -> None:
    assert on_nodes(with_nodes(front={"node": [2, 1, 2]}, back={"node": 2})) == {
        "node-1": ["front-2", "auth-1"],
        "node-2": ["front-1", "front-3", "back-1", "back-2"],
    }


def test_a_node_without_replicas_is_not_in_the_plan() -> None:
    assert list(on_nodes(topology(nodes=9))) == ["node-1", "node-2", "node-3"]
    assert list(on_nodes(topology(nodes=1))) == ["node-1"]


def test_with_sidecars_there_are_no_nodes() -> None:
    plan = plan_for(topology(placement="sidecar", nodes=1), AddressSpace("127.9"))
    assert plan.nodes == ()
    assert plan.proxy_hosts == plan.replicas
    assert {replica.node for replica in plan.replicas} == {""}
    assert proxies(plan) == ["front-1/proxy", "front-2/proxy", "front-3/proxy", "back-1/proxy", "back-2/proxy"]


# -- the plan


def test_there_is_one_proxy_per_node_and_none_without_calls() -> None:
    assert proxies(plan_for(topology(), AddressSpace("127.9"))) == ["node-1/proxy", "node-2/proxy"]
    alone = with_nodes(front={"node": 1}, back={"node": 1}, auth={"node": 2})
    assert proxies(plan_for(alone, AddressSpace("127.9"))) == ["node-1/proxy"]


def test_the_replicas_of_a_service_on_a_node_share_their_links() -> None:
    plan = plan_for(topology(), AddressSpace("127.9"))
    links = {link.name: link for link in plan.links}
    assert links["front@node-1--back-2"].callers == ("front-1", "front-3")
    assert links["front@node-1--back-2"].hops == (
        "front@node-1--back-2",
        "front-1--back-2",
        "front-3--back-2",
    )
    assert links["client--front-2"].callers == ("client",)
    assert links["client--front-2"].hops == ("client--front-2",)
    assert len({link.listen for link in plan.links}) == len(plan.links)
    assert [link.name for link in links_from(plan.nodes[1], plan.links)] == [
        "front@node-2--back-1",
        "front@node-2--back-2",
        "front@node-2--auth-1",
        "back@node-2--auth-1",
    ]


def test_the_proxy_of_a_node_has_the_address_of_a_sidecar() -> None:
    plans = [plan_for(topology(placement=placement), AddressSpace("127.9")) for placement in ("node", "sidecar")]
    apps = [{p.name: p for p in plan.processes if p.role == "app"} for plan in plans]
    assert apps[0] == apps[1]
    assert apps[0]["front-2/app"].env["AUTH_URL"] == "http://127.9.1.2:4142"


def test_the_proxies_that_may_record_a_failure_are_those_of_all_callers() -> None:
    spread = with_nodes(front={"node": 1}, back={"node": 2})
    plan = plan_for(spread, AddressSpace("127.9"))
    assert plan.proxies_above({"auth"}) == ("node-1/proxy", "node-2/proxy")
    assert plan.proxies_above({"front"}) == ("node-1/proxy",)


@pytest.mark.parametrize(
    ("edge", "faulted", "found"),
    [
        ("front -> back", "back", ("front-1/proxy",)),
        ("front -> back", "auth", ("front-1/proxy",)),  # a failure of auth reaches back as well
        ("back -> auth", "back", ()),
        ("front -> back", "front", ()),
    ],
)
def test_only_a_proxy_with_outlier_detection_keeps_a_state(edge: str, faulted: str, found: tuple[str, ...]) -> None:
    policy = {"edge": edge, "outlierDetection": {"consecutive5xxErrors": 3}}
    assert plan_with(policy).proxies_that_remember({faulted}) == found
    assert plan_with({"edge": edge, "timeout": "1s"}).proxies_that_remember({faulted}) == ()


def plan_with(policy: dict[str, object]) -> Plan:
    """Plan a chain with one policy."""
    services = {"front": {"language": "go", "calls": ["back"]}, "back": {"language": "go", "calls": ["auth"]}}
    data = {"name": "t", "entry": "front", "services": services | {"auth": {"language": "go"}}, "policies": [policy]}
    return plan_for(Topology.model_validate(data), AddressSpace("127.9"))


# -- the configuration


def test_a_node_listens_at_each_of_its_replicas_and_connects_from_its_own_address() -> None:
    plan = plan_for(topology(), AddressSpace("127.9"))
    found, process = config(plan, "node-1"), next(p for p in plan.processes if p.name == "node-1/proxy")
    doors = [
        *(f"127.9.1.1:{port}" for port in (4140, 4141, 4142)),
        *(f"127.9.1.3:{port}" for port in (4140, 4141, 4142)),
        *(f"127.9.2.1:{port}" for port in (4140, 4141)),
    ]
    at = [one["address"]["socket_address"] for one in found["listeners"]]
    assert [f"{one['address']}:{one['port_value']}" for one in at] == doors
    assert process.listens == ("127.9.255.1:9990", *doors)
    assert len({one["name"] for one in found["listeners"]}) == len(doors)
    sources = {one["upstream_bind_config"]["source_address"]["address"] for one in found["clusters"]}
    assert sources == {"127.9.255.1"}


def test_pools_and_limits_are_per_edge_and_shared_on_the_node() -> None:
    clusters = {one["name"]: one for one in config(plan_for(topology(), AddressSpace("127.9")), "node-1")["clusters"]}
    assert list(clusters) == ["front.back", "front.auth", "back.auth"]
    assert clusters["front.back"]["circuit_breakers"]["thresholds"][0]["max_requests"] == 2
    assert len(clusters["front.back"]["load_assignment"]["endpoints"][0]["lb_endpoints"]) == 2


def test_every_listener_logs_the_caller_and_routes_to_its_service() -> None:
    for listener in config(plan_for(topology(), AddressSpace("127.9")), "node-1")["listeners"]:
        manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
        router = manager["http_filters"][-1]["typed_config"]
        logs = [*manager["access_log"], *router["upstream_log"]]
        caller = listener["name"].partition(".")[0]
        for log in logs:
            assert log["typed_config"]["log_format"]["json_format"]["caller"] == caller
            assert log["typed_config"]["path"] == "{dir}/node-1/mesh.log"
        routes = [route for host in manager["route_config"]["virtual_hosts"] for route in host["routes"]]
        reached = {route["route"]["cluster"].partition(".")[0] for route in routes if "route" in route}
        assert reached == {caller.rpartition("-")[0]}


# -- overrides, words, bad input


def test_a_placement_can_be_overridden() -> None:
    made = topology(placement="sidecar")
    assert made.with_overrides(placement="node").node_of("front", 2) == "node-2"
    assert topology().with_overrides(placement="sidecar").node_of("front", 2) == ""
    assert topology().with_overrides(mesh="none").placement == "sidecar"


def test_plan_and_graph_show_the_replicas_of_a_node() -> None:
    line = "node-1: front-1, front-3, back-1, auth-1"
    plan = plan_for(topology(), AddressSpace("127.9"))
    assert line in as_text(plan)
    assert line in tree(topology())
    assert f"%% {line}" in mermaid(topology())
    assert as_data(plan)["nodes"] == [
        {"name": "node-1", "address": "127.9.255.1", "replicas": ["front-1", "front-3", "back-1", "auth-1"]},
        {"name": "node-2", "address": "127.9.255.2", "replicas": ["front-2", "back-2"]},
    ]
    assert "node-1" not in as_text(plan_for(topology(placement="sidecar"), AddressSpace("127.9")))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mesh": "none"}, "placement: mesh none has no proxy to place on a node"),
        ({"placement": "nodes"}, "unknown placement 'nodes'.*did you mean 'node'"),
        ({"nodes": 0}, "nodes: must be at least 1"),
    ],
)
def test_an_impossible_placement_is_an_error(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(TopologyError, match=message):
        Topology(**SHOP | changes)


def test_a_placement_override_without_a_mesh_is_an_error() -> None:
    with pytest.raises(TopologyError, match="override of placement: mesh none has no proxy"):
        topology(placement="sidecar").with_overrides(mesh="none", placement="node")


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (3, r"services.front.node: no node 3 \(valid: 1 to 2; see nodes\)"),
        ([1, 0], r"services.front.node\[1\]: must be at least 1"),
        ([], "services.front.node: must not be empty"),
    ],
)
def test_an_unknown_node_is_an_error(node: object, message: str) -> None:
    services: dict[str, dict[str, Any]] = SHOP["services"]  # type: ignore[assignment]
    with pytest.raises(TopologyError, match=message):
        Topology(**SHOP | {"services": services | {"front": services["front"] | {"node": node}}})
