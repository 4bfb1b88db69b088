"""How long a call can take by what is written: policies, tries of the application, pauses, work."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.spec.calls import calls_of
from testbed.spec.lint.timing import Times, policy_time
from testbed.spec.policies.policy import Policy
from testbed.spec.routes import Node
from testbed.spec.topology import Topology

EDGE = "web -> api"


def policy(**words: Any) -> Policy:
    return Policy(edge=EDGE, **words)


def retries(attempts: int = 2, **words: Any) -> dict[str, Any]:
    return {"attempts": attempts, **words}


@pytest.mark.parametrize(
    ("words", "longest"),
    [
        ({}, 40),
        ({"timeout": 100}, 100),  # whatever the callee says of itself
        ({"timeout": 10}, 10),
        ({"retries": retries(0)}, 40),
        ({"retries": retries()}, 3 * 40 + 25 + 50),
        ({"retries": retries(backoff=10)}, 3 * 40 + 10 + 20),
        ({"retries": retries(5, backoff={"base": 10, "max": 30})}, 6 * 40 + 10 + 20 + 30 + 30 + 30),
        ({"retries": retries(perTryTimeout=100)}, 3 * 100 + 25 + 50),
        ({"timeout": 1000, "retries": retries(perTryTimeout=100)}, 3 * 100 + 25 + 50),
        ({"timeout": 350, "retries": retries(perTryTimeout=100)}, 350),
        ({"timeout": 1000, "retries": retries()}, 1000),
        ({"timeout": 100, "retries": retries(perTryTimeout=100)}, 100),  # Envoy ignores such a perTryTimeout
        ({"retries": retries(perTryTimeout=100, hedgeOnPerTryTimeout=True)}, 2 * 100 + 40),
        ({"timeout": 150, "retries": retries(perTryTimeout=100, hedgeOnPerTryTimeout=True)}, 150),
    ],
)
def test_a_policy_bounds_a_call(words: dict[str, Any], longest: float) -> None:
    assert policy_time(policy(**words), 40.0) == longest


MS = st.integers(1, 10_000)
TIMEOUTS = st.none() | MS
RETRIES = st.none() | st.builds(retries, st.integers(0, 4), perTryTimeout=TIMEOUTS, backoff=MS)


@given(timeout=TIMEOUTS, given_retries=RETRIES, answer=MS, more=MS)
@settings(deadline=None, max_examples=40, database=None)
def test_no_call_exceeds_its_timeout_and_a_slower_callee_makes_no_call_shorter(
    timeout: int | None, given_retries: Any, answer: int, more: int
) -> None:
    made = policy(timeout=timeout, retries=given_retries) if timeout else policy(retries=given_retries)
    assert policy_time(made, answer) <= policy_time(made, answer + more)
    assert policy_time(made, answer) <= (timeout or float("inf"))


def shop(made: list[Any], policies: dict[str, Any] | None = None, **api: Any) -> Topology:
    """Web makes these calls; api works 40 ms unless told otherwise, and db 7 ms."""
    services = {
        "web": {"language": "go", "work": {"p50": "1ms", "p99": "5ms"}, "calls": made},
        "api": {"language": "go", "work": "40ms", **api},
        "db": {"language": "go", "work": "7ms"},
    }
    written = [{"edge": edge, **words} for edge, words in (policies or {}).items()]
    return Topology.model_validate({"name": "t", "entry": "web", "services": services, "policies": written})


@pytest.mark.parametrize(
    ("calls", "longest"),
    [
        ([], 5),  # the highest percentile
        (["api"], 5 + 40),
        (["api", "db"], 5 + 40 + 7),
        ([{"parallel": ["api", "db"]}], 5 + 40),
        ([{"to": "api", "timeout": "30ms"}], 5 + 30),
        ([{"to": "api", "timeout": "90ms"}], 5 + 40),
        ([{"to": "api", "retry": {"retries": 2, "pause": "10ms"}}], 5 + 3 * 40 + 2 * 10),
        ([{"to": "api", "timeout": "30ms", "retry": {"retries": 1}}], 5 + 2 * 30),
        ([{"to": "api", "onFailure": {"fallback": "f", "call": "db"}}], 5 + 40 + 7),
        ([{"to": "api", "onFailure": {"fallback": "f", "answer": 1}}], 5 + 40),
    ],
)
def test_a_route_takes_its_work_and_the_slowest_call_of_each_step(calls: list[Any], longest: float) -> None:
    assert Times(shop(calls)).route(Node("web")) == longest


@pytest.mark.parametrize(
    ("call", "longest"),
    [
        ("api", 100),
        ({"to": "api", "timeout": "30ms"}, 30),
        ({"to": "api", "timeout": "1s"}, 100),
        ({"to": "api", "retry": {"retries": 1, "pause": "10ms"}}, 2 * 100 + 10),
    ],
)
def test_the_application_retries_after_its_proxy_gives_up(call: Any, longest: float) -> None:
    topology = shop([call], {EDGE: {"timeout": "100ms"}})
    (step,) = topology.services["web"].calls
    (made,) = calls_of(step)
    assert Times(topology).call(Node("web"), made) == longest
    assert Times(topology).try_time(Node("web"), made) == 100


def test_limits_of_lower_services_count_if_the_call_has_no_limit() -> None:
    deep = shop(["api"], {"api -> db": {"timeout": "500ms"}}, calls=["db"])
    assert Times(deep).route(Node("web")) == 5 + 40 + 500


def test_each_route_has_its_own_time() -> None:
    topology = shop([{"to": "api", "path": "/slow"}], routes={"GET /slow": {"work": "2s"}})
    assert Times(topology).route(Node("web")) == 5 + 2000
    assert Times(topology).route(Node("api")) == 40
