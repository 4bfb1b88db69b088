"""What a service is spoken to in, and what that rules out: one message each, with its place and the reason."""

from __future__ import annotations

from typing import Any

import pytest

from testbed.errors import TopologyError
from testbed.experiment.planning import plan_for
from testbed.plan.values import AddressSpace
from testbed.spec.rules.protocols import status_words
from testbed.spec.topology import Topology


def shop(protocol: str, mesh: str = "envoy", language: str = "go", **changes: Any) -> Topology:
    services = {
        "web": {"language": "go", "calls": ["stock"], **changes.pop("web", {})},
        "stock": {"language": language, "protocol": protocol, "replicas": 2},
    }
    return Topology(name="t", entry="web", mesh=mesh, services=services, **changes)


def own(**changes: Any) -> Topology:
    """A topology with a tcp edge, whose caller and callee are no stubs."""
    services = {
        "web": {"command": ["python3", "web.py"], "calls": ["stock"]},
        "stock": {"command": ["redis-server"], "protocol": "tcp", "replicas": 2},
    }
    return Topology(name="t", entry="web", services=services, **changes)


def problem(**changes: Any) -> str:
    with pytest.raises(TopologyError) as refused:
        own(**changes)
    return str(refused.value)


@pytest.mark.parametrize("protocol", ["http", "http2", "grpc"])
def test_an_edge_has_the_protocol_of_its_callee(protocol: str) -> None:
    topology = shop(protocol)
    assert topology.protocol("web -> stock") == protocol
    assert topology.protocol("client -> web") == "http"
    links = {link.edge: link.protocol for link in plan_for(topology, AddressSpace("127.50")).links}
    assert links == {"client -> web": "http", "web -> stock": protocol}


@pytest.mark.parametrize("protocol", ["http2", "grpc"])
def test_the_load_uses_the_protocol_of_the_entry(protocol: str) -> None:
    topology = shop("http", web={"protocol": protocol})
    (link,) = [link for link in plan_for(topology, AddressSpace("127.50")).links if link.caller == "client"]
    assert (link.protocol, link.inlet is not None) == (protocol, True)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"protocol": "grcp"}, r"services.stock.protocol: unknown protocol 'grcp' \(did you mean 'grpc'\?\)"),
        (
            {"protocol": "http2", "language": "python"},
            "services.stock.protocol: the Python stub does not support http2",
        ),
        ({"protocol": "tcp"}, "services.stock.protocol: a stub cannot speak tcp: use a custom service"),
        ({"protocol": "tcp"}, r"services.web.calls\[0\].to: stock speaks tcp: a stub cannot call"),
        (
            {"protocol": "http2", "mesh": "none"},
            r"calls\[0\].to: stock speaks http2: stubs send HTTP/1.1, and mesh none",
        ),
        ({"protocol": "grpc", "web": {"outbound": "httpProxy"}}, "stock speaks grpc: .* web needs outbound: listener"),
        ({"protocol": "http", "web": {"protocol": "tcp"}}, "services.web.protocol: the entry cannot be tcp"),
    ],
)
def test_an_impossible_combination_is_an_error_with_its_place(given: dict[str, Any], words: str) -> None:
    with pytest.raises(TopologyError, match=words):
        shop(**given)


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (
            {"timeout": "1s"},
            "policies[0].timeout: a tcp edge carries connections, not single requests: use connectionPool",
        ),
        ({"retries": {"attempts": 1}}, "policies[0].retries: a tcp edge carries connections, not single requests"),
        ({"retryBudget": {"percent": 20}}, "policies[0].retryBudget: a tcp edge"),
        ({"respectExpectedRqTimeout": True}, "policies[0].respectExpectedRqTimeout: a tcp edge"),
        ({"circuitBreaker": {"maxRequests": 1}}, "policies[0].circuitBreaker.maxRequests: a tcp edge"),
        ({"circuitBreaker": {"maxPendingRequests": 1}}, "policies[0].circuitBreaker.maxPendingRequests: a tcp edge"),
        ({"circuitBreaker": {"maxRetries": 1}}, "policies[0].circuitBreaker.maxRetries: a tcp edge"),
        ({"connectionPool": {"maxRequestsPerConnection": 1}}, "policies[0].connectionPool.maxRequestsPerConnection: a"),
        ({"outlierDetection": {"consecutiveGatewayErrors": 1}}, "policies[0].outlierDetection.consecutiveGatewayError"),
    ],
)
def test_an_impossible_policy_on_tcp_is_an_error_with_the_reason(policy: dict[str, Any], words: str) -> None:
    assert words in problem(policies=[{"edge": "web -> stock", **policy}])


def test_policies_for_connections_are_allowed_on_tcp() -> None:
    policy = {
        "connectionPool": {"connectTimeout": "1s", "idleTimeout": "10s", "maxConnectionDuration": "1m"},
        "circuitBreaker": {"maxConnections": 5},
        "outlierDetection": {"consecutive5xxErrors": 3},
        "loadBalancer": "RANDOM",
    }
    assert own(policies=[{"edge": "web -> stock", **policy}]).policies


def test_request_faults_are_impossible_on_a_tcp_edge() -> None:
    assert not own().has_request_faults("web -> stock")
    words = 'edges["web -> stock"].requestFaults: a tcp edge carries connections'
    assert words in problem(edges={"web -> stock": {"requestFaults": "on"}})


def test_http_statuses_on_a_grpc_edge_give_a_warning() -> None:
    retries = {"attempts": 1, "retryOn": ["503", "unavailable", "gateway-error"]}
    policies = [{"edge": "web -> stock", "retries": retries}]
    topology = shop("grpc", policies=policies)
    assert status_words(topology, topology.policies[0]) == ["503", "gateway-error"]
    (warning,) = [text for text in topology.warnings() if "retryOn" in text]
    assert "503, gateway-error" in warning
    assert "use unavailable" in warning
    assert not [text for text in shop("http", policies=policies).warnings() if "gRPC" in text]


def test_retries_by_grpc_status_multiply_only_on_grpc_edges() -> None:
    retries = {"attempts": 2, "retryOn": ["unavailable"]}
    policies = [{"edge": edge, "timeout": "1s", "retries": retries} for edge in ("web -> a", "a -> b")]

    def warned(protocol: str) -> bool:
        services = {
            "web": {"language": "go", "calls": ["a"]},
            "a": {"language": "go", "protocol": protocol, "calls": ["b"]},
            "b": {"language": "go", "protocol": protocol},
        }
        made = Topology(name="t", entry="web", services=services, policies=policies)
        return any("retries multiply" in text for text in made.warnings())

    assert warned("grpc")
    assert not warned("http")
