"""What the sidecar's configuration says: every policy in Envoy's words, and nothing left to Envoy's defaults."""

import json
from typing import Any

import pytest

from testbed.errors import TopologyError
from testbed.experiment.planning import plan_for
from testbed.mesh import mesh_named
from testbed.mesh.envoy.config import proxy_config
from testbed.plan.values import AddressSpace, Link, Replica
from testbed.plan.wiring import upstreams
from testbed.spec.topology import Topology

CALLER = Replica("a-1", "a", 1, "127.9.1.1")


def _link(service: str, place: int, copy: int) -> Link:
    address = f"127.9.{place}.{copy}"
    return Link(
        f"a-1--{service}-{copy}",
        "a-1",
        f"{service}-{copy}",
        f"a -> {service}",
        f"{address}:10001",
        f"{address}:20001",
        f"{address}:8080",
    )


LINKS = (_link("list-price", 2, 1), _link("b", 3, 1), _link("b", 3, 2))


def topology(**policy: object) -> Topology:
    services = {
        "a": {"language": "go", "calls": ["list-price", "b"]},
        "list-price": {"language": "go"},
        "b": {"language": "go", "replicas": 2},
    }
    policies = [{"edge": "a -> b", **policy}] if policy else []
    return Topology.model_validate({"name": "t", "entry": "a", "services": services, "policies": policies})


def config(**policy: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(proxy_config(topology(**policy), CALLER, LINKS))["static_resources"]
    return found


def route(**policy: object) -> dict[str, Any]:
    """The route to b, as on b's own listener."""
    listener = next(one for one in config(**policy)["listeners"] if one["name"] == "b")
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    found: dict[str, Any] = manager["route_config"]["virtual_hosts"][0]["routes"][0]["route"]
    return found


def cluster(**policy: object) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in config(**policy)["clusters"] if one["name"] == "b")
    return found


def test_without_a_policy_nothing_is_left_to_envoys_defaults() -> None:
    action, hosts = route(), cluster()
    assert (action["timeout"], action["idle_timeout"]) == ("0s", "0s")
    assert "retry_policy" not in action
    assert "outlier_detection" not in hosts
    (limits,) = hosts["circuit_breakers"]["thresholds"]
    assert [limits[f"max_{name}"] for name in ("connections", "pending_requests", "requests", "retries")] == [
        2**32 - 1
    ] * 4
    assert hosts["connect_timeout"] == "10s"
    assert hosts["common_lb_config"]["healthy_panic_threshold"] == {"value": 0}


def test_timeouts() -> None:
    action = route(timeout="1.5s", retries={"attempts": 1, "perTryTimeout": "150ms"})
    assert action["timeout"] == "1.5s"
    assert action["retry_policy"]["per_try_timeout"] == "0.15s"


def test_retries_with_numbers_and_words() -> None:
    retries = {"attempts": 2, "retryOn": ["reset", 503, "429"], "backoff": {"base": "10ms", "max": "1s"}}
    policy = route(retries=retries)["retry_policy"]
    assert policy["retry_on"] == "reset,retriable-status-codes"
    assert policy["retriable_status_codes"] == [503, 429]
    assert policy["num_retries"] == 2
    assert policy["retry_back_off"] == {"base_interval": "0.01s", "max_interval": "1s"}
    assert "per_try_timeout" not in policy


def test_istios_defaults_for_retries() -> None:
    policy = route(retries={"attempts": 2})["retry_policy"]
    assert policy["retry_on"] == "connect-failure,refused-stream,unavailable,cancelled"
    assert policy["retry_back_off"] == {"base_interval": "0.025s", "max_interval": "0.25s"}
    assert policy["host_selection_retry_max_attempts"] == 5
    assert policy["retry_host_predicate"][0]["name"] == "envoy.retry_host_predicates.previous_hosts"


def test_a_retry_may_go_to_the_same_host_if_asked() -> None:
    policy = route(retries={"attempts": 2, "retryIgnorePreviousHosts": False})["retry_policy"]
    assert "retry_host_predicate" not in policy
    assert "host_selection_retry_max_attempts" not in policy


def test_no_attempts_are_no_retry_policy() -> None:
    assert "retry_policy" not in route(retries={"attempts": 0})


def test_limits() -> None:
    breaker = {"maxConnections": 1, "maxPendingRequests": 0, "maxRequests": 7}
    (limits,) = cluster(circuitBreaker=breaker)["circuit_breakers"]["thresholds"]
    names = ("connections", "pending_requests", "requests", "retries")
    assert [limits[f"max_{name}"] for name in names] == [1, 0, 7, 2**32 - 1]


def test_outlier_detection_is_enforced_as_written() -> None:
    found = cluster(outlierDetection={"consecutive5xxErrors": 3, "baseEjectionTime": "3s", "minHealthPercent": 30})
    outliers = found["outlier_detection"]
    assert (outliers["consecutive_5xx"], outliers["enforcing_consecutive_5xx"]) == (3, 100)
    assert outliers["enforcing_consecutive_gateway_failure"] == 0
    assert (outliers["enforcing_success_rate"], outliers["enforcing_failure_percentage"]) == (0, 0)
    assert (outliers["interval"], outliers["base_ejection_time"], outliers["max_ejection_percent"]) == ("10s", "3s", 10)
    assert outliers["always_eject_one_host"] is False
    assert found["common_lb_config"]["healthy_panic_threshold"] == {"value": 30}


def test_gateway_errors_are_enforced_when_asked_for_and_zero_is_off() -> None:
    outliers = cluster(outlierDetection={"consecutive5xxErrors": 0, "consecutiveGatewayErrors": 2})["outlier_detection"]
    assert outliers["enforcing_consecutive_5xx"] == 0
    assert (outliers["consecutive_gateway_failure"], outliers["enforcing_consecutive_gateway_failure"]) == (2, 100)


def test_an_ejection_longer_than_envoys_cap_is_kept() -> None:
    outliers = cluster(outlierDetection={"baseEjectionTime": "10m"})["outlier_detection"]
    assert outliers["max_ejection_time"] == "600s"


def test_a_cluster_knows_the_links_and_binds_to_its_own_address() -> None:
    hosts = cluster()["load_assignment"]["endpoints"][0]["lb_endpoints"]
    addresses = [host["endpoint"]["address"]["socket_address"] for host in hosts]
    assert addresses == [{"address": f"127.9.3.{n}", "port_value": 10001} for n in (1, 2)]
    assert cluster()["upstream_bind_config"]["source_address"] == {"address": "127.9.1.1", "port_value": 0}


def test_a_listener_for_all_and_one_for_each_upstream() -> None:
    listeners = config()["listeners"]
    ports = [(one["name"], one["address"]["socket_address"]["port_value"]) for one in listeners]
    assert ports == [("HTTP_PROXY", 4140), ("list-price", 4141), ("b", 4142)]


def test_no_name_of_a_service_is_taken() -> None:
    """Envoy refuses two listeners, or two virtual hosts of one listener, of the same name."""
    names = ("proxy", "nobody")
    services = {"a": {"language": "go", "calls": list(names)}} | {name: {"language": "go"} for name in names}
    plan = plan_for(Topology.model_validate({"name": "t", "entry": "a", "services": services}), AddressSpace("127.9"))
    listeners = json.loads(next(file.text for file in plan.files if file.path == "a-1/envoy.json"))
    found = [one["name"] for one in listeners["static_resources"]["listeners"]]
    assert found == ["HTTP_PROXY", *names]
    manager = listeners["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    assert [host["name"] for host in manager["route_config"]["virtual_hosts"]] == [*names, "UNKNOWN"]


def test_the_process_says_what_it_binds() -> None:
    made = mesh_named("envoy").proxy(topology(), CALLER, LINKS)
    assert made is not None
    process, (file,) = made
    assert process.listens == tuple(f"127.9.1.1:{port}" for port in (9990, 4140, 4141, 4142))
    assert (process.name, process.role, process.replica, file.path) == ("a-1/proxy", "proxy", "a-1", "a-1/envoy.json")


@pytest.mark.parametrize("name", ["envoy", "none"])
def test_a_replica_without_calls_needs_no_proxy(name: str) -> None:
    mesh = mesh_named(name)
    assert mesh.proxy(topology(), CALLER, ()) is None
    assert mesh.wiring(topology(), CALLER, ()) == {}
    assert mesh.log(topology(), CALLER, ()) is None


def test_the_wiring_of_a_sidecar() -> None:
    assert mesh_named("envoy").wiring(topology(), CALLER, LINKS) == {
        "HTTP_PROXY": "http://127.9.1.1:4140",
        "LIST_PRICE_URL": "http://127.9.1.1:4141",
        "LIST_PRICE_ADDR": "127.9.1.1:4141",
        "B_URL": "http://127.9.1.1:4142",
        "B_ADDR": "127.9.1.1:4142",
    }


def test_the_wiring_without_a_mesh() -> None:
    assert mesh_named("none").proxy(topology(), CALLER, LINKS) is None
    assert mesh_named("none").wiring(topology(), CALLER, LINKS) == {
        "LIST_PRICE_URL": "http://127.9.2.1:10001",
        "LIST_PRICE_ADDR": "127.9.2.1:10001",
        "LIST_PRICE_URLS": "http://127.9.2.1:10001",
        "B_URL": "http://127.9.3.1:10001",
        "B_ADDR": "127.9.3.1:10001",
        "B_URLS": "http://127.9.3.1:10001,http://127.9.3.2:10001",
        "ATTEMPT_LOG": "{dir}/a-1-attempts.log",
    }


def test_upstreams_keep_their_order() -> None:
    assert list(upstreams(LINKS)) == ["list-price", "b"]


def test_an_unknown_mesh_names_the_nearest() -> None:
    with pytest.raises(TopologyError, match="did you mean 'envoy'"):
        mesh_named("envy")
