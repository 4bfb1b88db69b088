"""What each word of a policy is in Envoy's configuration, beyond time-outs and plain retries."""

from typing import Any

import pytest

from tests.unit.mesh.envoy.test_config import cluster, config, route


def limits(**policy: object) -> dict[str, Any]:
    (found,) = cluster(**policy)["circuit_breakers"]["thresholds"]
    return found  # type: ignore[no-any-return]


def test_a_retry_budget_takes_the_place_of_the_limit() -> None:
    budget = {"percent": 12.5, "minRetryConcurrency": 1}
    assert limits(retryBudget=budget)["retry_budget"] == {"budget_percent": {"value": 12.5}, "min_retry_concurrency": 1}
    assert "retry_budget" not in limits(retries={"attempts": 1})


def test_a_budgets_defaults_are_envoys_and_istios() -> None:
    assert limits(retryBudget={})["retry_budget"] == {"budget_percent": {"value": 20.0}, "min_retry_concurrency": 3}


def test_host_attempts() -> None:
    policy = route(retries={"attempts": 2, "hostSelectionRetryMaxAttempts": 20})["retry_policy"]
    assert policy["host_selection_retry_max_attempts"] == 20


@pytest.mark.parametrize("on", [True, False])
def test_hedging(on: bool) -> None:
    action = route(retries={"attempts": 1, "perTryTimeout": "50ms", "hedgeOnPerTryTimeout": on})
    assert action["hedge_policy"] == {"hedge_on_per_try_timeout": on}


def test_without_retries_there_is_nothing_to_hedge() -> None:
    assert "hedge_policy" not in route(timeout="1s")


def detection(**rule: object) -> dict[str, Any]:
    return cluster(outlierDetection=rule)["outlier_detection"]  # type: ignore[no-any-return]


def test_local_origin_errors_are_split_off_when_asked_for() -> None:
    found = detection(splitExternalLocalOriginErrors=True, consecutiveLocalOriginFailures=2)
    assert found["split_external_local_origin_errors"] is True
    name = "consecutive_local_origin_failure"
    assert (found[name], found[f"enforcing_{name}"]) == (2, 100)


@pytest.mark.parametrize(
    ("rule", "count"),
    [
        ({"splitExternalLocalOriginErrors": True}, 5),
        ({"splitExternalLocalOriginErrors": True, "consecutiveLocalOriginFailures": 0}, 0),
        ({"consecutiveLocalOriginFailures": 2}, 0),
        ({}, 0),
    ],
)
def test_how_many_local_origin_failures_eject(rule: dict[str, object], count: int) -> None:
    found = detection(**rule)
    name = "consecutive_local_origin_failure"
    assert (found[name], found[f"enforcing_{name}"]) == (count, 100 if count else 0)


def test_statistical_detectors_are_off() -> None:
    off = ("success_rate", "local_origin_success_rate", "failure_percentage")
    assert {detection()[f"enforcing_{name}"] for name in off} == {0}


def test_always_eject_one_host_and_the_panic_threshold() -> None:
    assert detection(alwaysEjectOneHost=True)["always_eject_one_host"] is True
    panic = cluster(outlierDetection={"minHealthPercent": 51})["common_lb_config"]["healthy_panic_threshold"]
    assert panic == {"value": 51}


@pytest.mark.parametrize(
    ("written", "meant"),
    [("LEAST_REQUEST", "LEAST_REQUEST"), ({"simple": "RANDOM"}, "RANDOM"), (None, "ROUND_ROBIN")],
)
def test_the_balancer(written: object, meant: str) -> None:
    assert cluster(loadBalancer=written)["lb_policy"] == meant


def test_connections_stay_open_unless_a_policy_says_otherwise() -> None:
    heads = {"max_headers_count": 10_000, "max_response_headers_kb": 8192}
    assert _connections() == {"idle_timeout": "0s"} | heads
    pool = {"idleTimeout": "2s", "maxRequestsPerConnection": 7, "maxConnectionDuration": "1m"}
    assert _connections(connectionPool=pool) == heads | {
        "idle_timeout": "2s",
        "max_requests_per_connection": 7,
        "max_connection_duration": "60s",
    }
    assert cluster(connectionPool={"connectTimeout": "250ms"})["connect_timeout"] == "0.25s"


def _connections(**policy: object) -> object:
    options = cluster(**policy)["typed_extension_protocol_options"]
    return options["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"]["common_http_protocol_options"]


def test_the_remaining_time_is_respected_on_the_routes_that_say_so() -> None:
    def overrides(**policy: object) -> dict[str, object]:
        found = {}
        for listener in config(**policy)["listeners"]:
            manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
            for host in manager["route_config"]["virtual_hosts"]:
                found[f"{listener['name']}/{host['name']}"] = "typed_per_filter_config" in host["routes"][0]
        return found

    assert not any(overrides(timeout="1s").values())
    said = overrides(respectExpectedRqTimeout=True)
    assert {name for name, there in said.items() if there} == {"HTTP_PROXY/b", "b/b"}
