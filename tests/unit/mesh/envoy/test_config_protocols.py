"""What the sidecar says to a callee of each protocol, and how plans tell of it."""

import json
from typing import Any

import pytest

from testbed.experiment.planning import plan_for
from testbed.plan.describe import as_text
from testbed.plan.values import AddressSpace
from testbed.spec.graph import edge_summary
from testbed.spec.topology import Topology

OWN = {"command": ["store"], "protocol": "tcp"}


def config(protocol: str, **policy: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The cluster of web's upstream, and the filter of its listener."""
    plan = plan_for(topology(protocol, **policy), AddressSpace("127.9"))
    (text,) = [file.text for file in plan.files if file.path == "web-1/envoy.json"]
    found = json.loads(text)["static_resources"]
    (listener,) = [one for one in found["listeners"] if one["name"] == "stock"]
    assert listener.get("stat_prefix") == ("testbed_tcp" if protocol == "tcp" else None)
    return found["clusters"][0], listener["filter_chains"][0]["filters"][0]


def topology(protocol: str, **policy: Any) -> Topology:
    stock = OWN if protocol == "tcp" else {"language": "go", "protocol": protocol}
    web = {"command": ["web"], "calls": ["stock"]}
    policies = [{"edge": "web -> stock", **policy}] if policy else []
    return Topology(name="t", entry="web", services={"web": web, "stock": stock}, policies=policies)


@pytest.mark.parametrize(
    ("protocol", "spoken"), [("http", "http_protocol_options"), ("http2", "http2_protocol_options")]
)
def test_the_proxy_speaks_what_the_callee_understands(protocol: str, spoken: str) -> None:
    cluster, _ = config(protocol)
    (options,) = cluster["typed_extension_protocol_options"].values()
    assert list(options["explicit_http_config"]) == [spoken]


def test_grpc_is_http2_and_its_calls_have_names_of_their_own() -> None:
    cluster, way = config("grpc")
    (options,) = cluster["typed_extension_protocol_options"].values()
    assert options["explicit_http_config"] == {"http2_protocol_options": {"max_concurrent_streams": 2**31 - 1}}
    log = way["typed_config"]["access_log"][0]["typed_config"]["log_format"]["json_format"]
    assert log["connection"] == "%REQ(x-testbed-call)%"
    assert "x-testbed-call" in json.dumps(way["typed_config"]["early_header_mutation_extensions"])
    assert "x-testbed-call" not in json.dumps(config("http")[1])


def test_a_tcp_edge_hands_connections_on_and_nothing_is_left_to_envoys_defaults() -> None:
    cluster, way = config("tcp")
    told = way["typed_config"]
    assert way["name"] == "envoy.filters.network.tcp_proxy"
    assert (told["cluster"], told["idle_timeout"]) == ("stock", "0s")
    assert "max_downstream_connection_duration" not in told
    assert told["access_log_options"] == {"flush_access_log_on_start": True, "flush_access_log_on_connected": True}
    (fields,) = [one["typed_config"]["log_format"]["json_format"] for one in told["access_log"]]
    assert (fields["service"], fields["caller"]) == ("stock", "web-1")  # a line that comes before any host is chosen
    assert cluster["connect_timeout"] == "10s"


def test_the_policy_of_a_tcp_edge() -> None:
    pool = {"connectTimeout": "1s", "idleTimeout": "5s", "maxConnectionDuration": "1m"}
    cluster, way = config("tcp", connectionPool=pool, circuitBreaker={"maxConnections": 3})
    assert cluster["connect_timeout"] == "1s"
    assert cluster["circuit_breakers"]["thresholds"][0]["max_connections"] == 3
    assert way["typed_config"]["idle_timeout"] == "5s"
    assert way["typed_config"]["max_downstream_connection_duration"] == "60s"


def test_a_plan_names_the_protocol_of_an_edge() -> None:
    assert edge_summary(topology("grpc"), "web -> stock").startswith("grpc; no policy")
    assert edge_summary(topology("http"), "web -> stock").startswith("no policy")
    assert "tcp; no policy" in as_text(plan_for(topology("tcp"), AddressSpace("127.9")))
