"""Words of a policy that contradict each other, that do nothing, and how a policy reads in texts."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from testbed.errors import TopologyError
from testbed.history.facts import facts_of
from testbed.spec.graph import policy_summary
from testbed.spec.load import load_topology
from testbed.spec.schema import schema
from testbed.spec.services import EXPECTED
from tests.kit.policies import shop

BUDGET = {"retryBudget": {"percent": 20}}
RETRIES = {"attempts": 2, "perTryTimeout": "100ms"}


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ({**BUDGET, "circuitBreaker": {"maxRetries": 3}}, r"policies\[1\].retryBudget: contradicts circuitBreaker.max"),
        ({"retries": {"attempts": 1, "hedgeOnPerTryTimeout": True}}, r"retries.hedgeOnPerTryTimeout: needs perTryTime"),
        (
            {"retries": {"attempts": 1, "retryIgnorePreviousHosts": False, "hostSelectionRetryMaxAttempts": 3}},
            r"hostSelectionRetryMaxAttempts: contradicts retryIgnorePreviousHosts: false",
        ),
        ({"retryBudget": {"percent": 120}}, r"retryBudget.percent: must be at most 100.0, is 120"),
        ({"retryBudget": {"percent": "many"}}, r"retryBudget.percent: must be a number, is 'many'"),
        ({"retryBudget": {"budgetPercent": 20}}, r"retryBudget.budgetPercent: unknown key"),
        ({"loadBalancer": "least_request"}, r"loadBalancer: unknown loadBalancer .*did you mean 'LEAST_REQUEST'"),
        ({"connectionPool": {"idleTimeout": "0s"}}, r"connectionPool.idleTimeout: must be more than 0"),
        ({"connectionPool": {"maxRequestsPerConnection": 0}}, r"must be at least 1, is 0"),
        ({"connectionPool": {"idelTimeout": "1s"}}, r"unknown key \(did you mean 'idleTimeout'\?\)"),
        ({"circuitBreaker": {"http2MaxRequests": 1}}, r"unknown key \(did you mean 'maxRequests'\?\)"),
        ({"outlierDetection": {"alwaysEjectOneHost": "maybe"}}, r"must be true or false"),
    ],
)
def test_an_invalid_policy_is_an_error_with_its_place(policy: dict[str, Any], words: str) -> None:
    with pytest.raises(TopologyError, match=words):
        shop(**policy)


def test_an_override_can_contradict_the_file_and_is_named_by_its_edge() -> None:
    words = r'override of policies\["api -> db"\].retryBudget: contradicts circuitBreaker.maxRetries'
    with pytest.raises(TopologyError, match=words):
        shop(circuitBreaker={"maxRetries": 3}).with_overrides(policies={"api -> db": BUDGET})


def test_an_override_can_remove_the_key_that_it_contradicts() -> None:
    instead = {**BUDGET, "circuitBreaker": {"maxRetries": None}}
    changed = shop(circuitBreaker={"maxRetries": 3}).with_overrides(policies={"api -> db": instead})
    policy = changed.policy("api -> db")
    assert policy is not None
    assert policy.retry_budget is not None


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (BUDGET, "retryBudget has no effect: there are no retries"),
        ({"outlierDetection": {"consecutiveLocalOriginFailures": 2, "maxEjectionPercent": 50}}, "has no effect with"),
        ({"circuitBreaker": {"maxConnections": 1}}, "maxConnections rejects nothing"),
        ({"outlierDetection": {}}, "outlierDetection can never eject: 10% of 2 replicas is less than one"),
        ({"outlierDetection": {"consecutive5xxErrors": 0}}, "outlierDetection can never eject: all of its detectors"),
        (
            {"outlierDetection": {"alwaysEjectOneHost": True, "minHealthPercent": 60}},
            "outlierDetection can never help: with one of 2 replicas ejected, fewer than 60% are healthy",
        ),
        ({"respectExpectedRqTimeout": True}, f"api does not forward {EXPECTED}: add it to forward"),
    ],
)
def test_a_part_without_effect_gives_a_warning(policy: dict[str, Any], words: str) -> None:
    (warning,) = shop(**policy).warnings()
    assert words in warning


@pytest.mark.parametrize(
    "policy",
    [
        {**BUDGET, "retries": RETRIES},
        {"circuitBreaker": {"maxConnections": 1, "maxPendingRequests": 0}},
        {"circuitBreaker": {"maxConnections": 1}, "timeout": "500ms"},
        {"outlierDetection": {"alwaysEjectOneHost": True}},
        {
            "outlierDetection": {
                "consecutive5xxErrors": 0,
                "splitExternalLocalOriginErrors": True,
                "maxEjectionPercent": 50,
            }
        },
        {"loadBalancer": "RANDOM", "connectionPool": {"idleTimeout": "1s"}},
    ],
)
def test_a_part_with_effect_gives_no_warning(policy: dict[str, Any]) -> None:
    assert shop(**policy).warnings() == ()


def test_a_deadline_needs_a_forwarded_header_and_a_caller_with_a_timeout() -> None:
    assert shop(forward=(EXPECTED,), respectExpectedRqTimeout=True).warnings() == ()
    endless = shop(forward=(EXPECTED,), respectExpectedRqTimeout=True).with_overrides(policies={"web -> api": None})
    assert "no caller of api has a timeout, so it receives no deadline" in endless.warnings()[0]


def test_hedged_attempts_run_in_parallel_and_repeat_work() -> None:
    plain, hedged = (
        shop(retries={**RETRIES, "hedgeOnPerTryTimeout": on}, timeout="5s").policy("api -> db") for on in (False, True)
    )
    assert plain is not None
    assert hedged is not None
    assert (plain.patience, hedged.patience) == (100.0, 5000.0)
    assert (plain.repeats_work, hedged.repeats_work) == ((), ("hedgeOnPerTryTimeout",))
    assert (plain.repeats_failures, hedged.repeats_failures) == (False, True)


@pytest.mark.parametrize(
    ("policy", "text"),
    [
        ({"retries": RETRIES, **BUDGET}, "2 retries = 3 attempts of 100ms, at most 20 % retries (or 3)"),
        (
            {"retries": {**RETRIES, "hedgeOnPerTryTimeout": True}},
            "2 retries = 3 attempts, one every 100ms (hedged)",
        ),
        ({"circuitBreaker": {"maxRequests": 2}}, "limits maxRequests 2"),
        (
            {"connectionPool": {"idleTimeout": "2s", "maxRequestsPerConnection": 7}},
            "connections idleTimeout 2s maxRequestsPerConnection 7",
        ),
        ({"loadBalancer": {"simple": "LEAST_REQUEST"}}, "LEAST_REQUEST"),
        ({"respectExpectedRqTimeout": True}, "timeout from the request's deadline header, if it has one"),
        (
            {"outlierDetection": {"consecutiveGatewayErrors": 2, "maxEjectionPercent": 50, "minHealthPercent": 40}},
            "ejects after 5 errors or 2 gateway errors for 30s (at most 50 %, all replicas used below 40 % healthy)",
        ),
        (
            {"outlierDetection": {"splitExternalLocalOriginErrors": True, "alwaysEjectOneHost": True}},
            "ejects after 5 errors or 5 local failures for 30s (at least one, at most 10 %)",
        ),
    ],
)
def test_a_policy_summary_describes_the_policy(policy: dict[str, Any], text: str) -> None:
    assert policy_summary(shop(**policy), "api -> db") == text


def test_a_policy_summary_lists_what_is_on() -> None:
    recorded = shop(connectionPool={"connectTimeout": "1s", "idleTimeout": "500ms"}, loadBalancer="RANDOM")
    found = facts_of(recorded.model_dump(mode="json", by_alias=True)).policies["api -> db"]
    assert found == "{connectionPool: {connectTimeout: 1s, idleTimeout: 500ms}, loadBalancer: RANDOM}"


EVERY_WORD: dict[str, Any] = {
    "retryBudget": {"percent": 12.5, "minRetryConcurrency": 0},
    "retries": {
        "attempts": 1,
        "perTryTimeout": "50ms",
        "hedgeOnPerTryTimeout": True,
        "hostSelectionRetryMaxAttempts": 9,
    },
    "connectionPool": {
        "connectTimeout": "1s",
        "idleTimeout": "1s",
        "maxRequestsPerConnection": 1,
        "maxConnectionDuration": "1m",
    },
    "outlierDetection": {
        "splitExternalLocalOriginErrors": True,
        "consecutiveLocalOriginFailures": 2,
        "alwaysEjectOneHost": True,
    },
    "respectExpectedRqTimeout": True,
}


@pytest.mark.parametrize("balancer", ["RANDOM", {"simple": "RANDOM"}])
def test_the_schema_accepts_every_load_balancer(balancer: object) -> None:
    services = {"a": {"language": "go", "calls": ["b"]}, "b": {"language": "go"}}
    policy = {"edge": "a -> b", **EVERY_WORD, "loadBalancer": balancer}
    jsonschema.validate({"name": "t", "entry": "a", "services": services, "policies": [policy]}, schema())


@pytest.mark.parametrize(
    "policy", [{"loadBalancer": "BEST"}, {"loadBalancer": {"simple": "BEST"}}, {"retryBudget": {"percent": 101}}]
)
def test_the_schema_rejects_what_the_model_rejects(policy: dict[str, Any]) -> None:
    services = {"a": {"language": "go", "calls": ["b"]}, "b": {"language": "go"}}
    wrong = {"name": "t", "entry": "a", "services": services, "policies": [{"edge": "a -> b", **policy}]}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, schema())


YAML = """name: t
entry: a
services:
  a: {language: go, calls: [b, c]}
  b: {language: go}
  c: {language: go}
policies:
  - edge: a -> b
    retries:
      attempts: 2
    outlierDetection:
      interval: 1s
  - edge: a -> c
    timeout: 1s
"""


def test_a_place_keeps_its_line_if_no_override_changes_its_policy(tmp_path: Path) -> None:
    file = tmp_path / "t.yaml"
    file.write_text(YAML)
    changed = load_topology(file).with_overrides(policies={"a -> c": {"timeout": "2s"}})
    assert (
        changed.located(("policies", 0, "retries", "attempts"), "no") == f"{file}:10: policies[0].retries.attempts: no"
    )
    assert changed.located(("policies", 1, "timeout"), "no") == f"{file}:13: policies[1].timeout: no"
    without = load_topology(file).with_overrides(policies={"a -> b": None})
    assert without.located(("policies", 0, "timeout"), "no") == f"{file}:14: policies[0].timeout: no"
