"""What is legal but hardly meant: for each warning, one topology that has it and one that has not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from testbed.spec.lint.warnings import OF_SOME_PROXIES, ignored_per_try, never_ejects, rules_for
from testbed.spec.load import load_topology
from testbed.spec.meshes import MESHES, capabilities
from testbed.spec.topology import Topology

EDGE, BELOW = "web -> api", "api -> db"


def shop(policies: dict[str, Any] | None = None, *, web: Any = "api", api: Any = "db", **more: Any) -> Topology:
    """Web makes one call to api, and api one to db."""
    services = {
        "web": {"language": "go", "calls": [web]},
        "api": {"language": "go", "calls": [api]},
        "db": {"language": "go"},
    }
    written = [{"edge": edge, **words} for edge, words in (policies or {}).items()]
    return Topology.model_validate({"name": "t", "entry": "web", "services": services, "policies": written} | more)


def tried(attempts: int, on: Any = "5xx", **words: Any) -> dict[str, Any]:
    return {"attempts": attempts, "retryOn": on, **words}


POST = {"to": "db", "method": "POST", "path": "/orders"}
UNUSED = {"web": {"language": "go"}, "api": {"language": "go"}}
RPC = {"web": {"language": "go", "calls": ["api"]}, "api": {"language": "go", "protocol": "grpc"}}

WARNED = {
    "unreachable": (shop(services=UNUSED), "api: not reachable from the entry web, so it gets no traffic"),
    "unenforced": (
        shop({EDGE: {"timeout": "2s"}, BELOW: {"timeout": "1s"}}, mesh="none"),
        "mesh none: there is no proxy to enforce the 2 policies",
    ),
    "ignored perTryTimeout": (
        shop({EDGE: {"timeout": "1s", "retries": tried(1, perTryTimeout="1500ms")}}),
        "web -> api: perTryTimeout 1.5s is not shorter than timeout 1s, so Envoy ignores it and a slow attempt is "
        "never retried",
    ),
    "no retries": (
        shop({EDGE: {"retries": tried(0)}}),
        "web -> api: attempts: 0 means no retries, so retryOn has no effect",
    ),
    "ignored where it is as long": (
        shop({EDGE: {"timeout": "1s", "retries": tried(1, perTryTimeout="1s")}}),
        "web -> api: perTryTimeout 1s is not shorter than timeout 1s, so Envoy ignores it and a slow attempt is never "
        "retried",
    ),
    "cut short": (
        shop({EDGE: {"timeout": "500ms", "retries": tried(2, perTryTimeout="200ms")}}),
        "web -> api: 3 attempts of 200ms need 600ms, but timeout is 500ms: the last attempts are cut short",
    ),
    "timeout inversion": (
        shop({EDGE: {"timeout": "300ms"}, BELOW: {"timeout": "2s"}}),
        "web -> api: timeout inversion: a call ends after 300ms, but api can take 2s by its own limits, so its answer "
        "or fallback comes too late",
    ),
    "timeout inversion by equal timeouts": (
        shop({EDGE: {"timeout": "2s"}, BELOW: {"timeout": "2s"}}),
        "web -> api: timeout inversion: a call ends after 2s, but api can take 2s by its own limits (equal timeouts: "
        "the outer one began earlier), so its answer or fallback comes too late",
    ),
    "timeout inversion by an attempt that is as short": (
        shop({EDGE: {"timeout": "9s", "retries": tried(1, perTryTimeout="2s")}, BELOW: {"timeout": "2s"}}),
        "web -> api: timeout inversion: an attempt ends after 2s, but api can take 2s by its own limits (equal "
        "timeouts: the outer one began earlier), so its answer or fallback comes too late",
    ),
    "the application with the timeout of its proxy": (
        shop({BELOW: {"timeout": "2s"}}, api={"to": "db", "timeout": "2s"}),
        "api -> db: timeout inversion: api itself gives up after 2s, but its proxy may try for 2s (equal timeouts: the "
        "outer one began earlier)",
    ),
    "timeout inversion for each attempt": (
        shop({EDGE: {"timeout": "9s", "retries": tried(1, perTryTimeout="300ms")}, BELOW: {"timeout": "2s"}}),
        "web -> api: timeout inversion: an attempt ends after 300ms, but api can take 2s by its own limits, so its "
        "answer or fallback comes too late",
    ),
    "timeout inversion by retries": (
        shop({EDGE: {"timeout": "500ms"}, BELOW: {"retries": tried(2, perTryTimeout="200ms", backoff="10ms")}}),
        "web -> api: timeout inversion: a call ends after 500ms, but api can take 630ms by its own limits, so its "
        "answer or fallback comes too late",
    ),
    "timeout inversion by the application": (
        shop({BELOW: {"timeout": "2s"}}, web={"to": "api", "timeout": "300ms"}),
        "web -> api: timeout inversion: a call ends after 300ms, but api can take 2s by its own limits, so its answer "
        "or fallback comes too late",
    ),
    "the application before its proxy": (
        shop({BELOW: {"timeout": "2s"}}, api={"to": "db", "timeout": "300ms"}),
        "api -> db: timeout inversion: api itself gives up after 300ms, but its proxy may try for 2s",
    ),
    "retry amplification": (
        shop({EDGE: {"retries": tried(2)}, BELOW: {"retries": tried(3)}}),
        "web -> api: retries multiply: web -> api (3 attempts), api -> db (4 attempts): one request can "
        "become 12 attempts at db",
    ),
    "retry amplification by the application": (
        shop({BELOW: {"retries": tried(1)}}, web={"to": "api", "retry": {"retries": 1}}),
        "web -> api: retries multiply: web -> api (2 attempts), api -> db (2 attempts): one request can "
        "become 4 attempts at db",
    ),
    "unreachable retry condition": (
        shop({EDGE: {"retries": tried(1, ["503"])}}, services=RPC),
        "web -> api: retryOn 503 never matches on gRPC: gRPC errors are HTTP 200 with a gRPC status: use "
        "unavailable, resource-exhausted, internal, ...",
    ),
    "repeated writes": (
        shop({BELOW: {"retries": tried(1, "5xx,connect-failure")}}, api=POST),
        "api -> db: POST /orders is retried on 5xx, and may be done twice",
    ),
    "repeated writes of the application": (
        shop(api={**POST, "method": "PATCH", "retry": {"retries": 1}}),
        "api -> db: PATCH /orders is retried by the application, and may be done twice",
    ),
}

QUIET = {
    "every service is called": shop(),
    "a service that only a fallback calls": shop(web={"to": "db", "onFailure": {"fallback": "f", "call": "api"}}),
    "no policy and no mesh": shop(mesh="none"),
    "a shorter perTryTimeout": shop({EDGE: {"timeout": "1s", "retries": tried(1, perTryTimeout="400ms")}}),
    "a perTryTimeout without a timeout": shop({EDGE: {"retries": tried(1, perTryTimeout="10s")}}),
    "attempts that fit": shop({EDGE: {"timeout": "700ms", "retries": tried(2, perTryTimeout="200ms")}}),
    "a caller that waits longer": shop({EDGE: {"timeout": "3s"}, BELOW: {"timeout": "2s"}}),
    "a caller that waits for ever": shop({BELOW: {"timeout": "2s"}}),
    "a callee without limits": shop({EDGE: {"timeout": "300ms"}}),
    "an application that waits longer": shop({BELOW: {"timeout": "2s"}}, api={"to": "db", "timeout": "3s"}),
    "retries in one layer": shop({BELOW: {"retries": tried(3)}}),
    "retries that repeat no failure from below": shop(
        {EDGE: {"retries": tried(2, "connect-failure")}, BELOW: {"retries": tried(3)}}
    ),
    "retries that are switched off": shop({BELOW: {"retries": {"attempts": 0}}}),
    "a status of gRPC": shop({EDGE: {"retries": tried(1, ["unavailable"])}}, services=RPC),
    "a read that is repeated": shop({BELOW: {"retries": tried(1)}}),
    "a write that was never sent": shop({BELOW: {"retries": tried(1, "connect-failure")}}, api=POST),
    "a write without retries": shop({BELOW: {"timeout": "1s"}}, api=POST),
}


@pytest.mark.parametrize(("topology", "text"), WARNED.values(), ids=WARNED)
def test_a_warning_has_the_edge_and_the_numbers(topology: Topology, text: str) -> None:
    assert topology.warnings() == (text,)


@pytest.mark.parametrize("topology", QUIET.values(), ids=QUIET)
def test_a_sound_topology_gives_no_warning(topology: Topology) -> None:
    assert topology.warnings() == ()


def test_only_the_longest_chain_of_retries_is_reported() -> None:
    services = {name: {"language": "go", "calls": [to]} for name, to in zip("abc", "bcd", strict=True)}
    policies = {f"{a} -> {b}": {"retries": tried(1)} for a, b in ("ab", "bc", "cd")}
    topology = shop(policies, entry="a", services={**services, "d": {"language": "go"}})
    (text,) = topology.warnings()
    layers = "a -> b (2 attempts), b -> c (2 attempts), c -> d (2 attempts)"
    assert text == f"a -> b: retries multiply: {layers}: one request can become 8 attempts at d"


def test_of_two_chains_the_worse_is_reported() -> None:
    services = {
        "web": {"language": "go", "calls": ["api"]},
        "api": {"language": "go", "calls": ["db", "cache"]},
        "db": {"language": "go"},
        "cache": {"language": "go"},
    }
    tries = {EDGE: 1, BELOW: 1, "api -> cache": 4}
    topology = shop({edge: {"retries": tried(number)} for edge, number in tries.items()}, services=services)
    (text,) = topology.warnings()
    assert text.endswith("api -> cache (5 attempts): one request can become 10 attempts at cache")


def test_a_timeout_inversion_of_several_calls_is_reported_once() -> None:
    policies = {EDGE: {"timeout": "300ms"}, BELOW: {"timeout": "2s"}}
    topology = shop(policies, web={"parallel": ["api", "api"]})
    assert len(topology.warnings()) == 1


FILE = """name: t
entry: web
services:
  web: {language: go, calls: [api]}
  api:
    language: go
    calls:
      - {to: db, method: POST, timeout: 1s, retry: {retries: 1}}
  db: {language: go}
policies:
  - edge: web -> api
    timeout: 300ms
"""


def test_a_warning_names_the_line_of_the_policy_or_of_the_call(tmp_path: Path) -> None:
    file = tmp_path / "t.yaml"
    file.write_text(FILE.replace("db: {language: go}", "db: {language: go, work: 400ms}"))
    late, twice = load_topology(file).warnings()
    assert late.startswith(f"{file}:11: web -> api: timeout inversion: a call ends after 300ms, but api can take 800ms")
    assert twice == f"{file}:8: api -> db: POST / is retried by the application, and may be done twice"


def test_a_rule_of_one_proxy_applies_to_that_proxy_only() -> None:
    envoy = capabilities("envoy")
    other = replace(envoy, lints=())
    assert {*rules_for(envoy)} - {*rules_for(other)} == {ignored_per_try, never_ejects}
    assert {rule.__name__ for rule in OF_SOME_PROXIES} >= {name for mesh in MESHES.values() for name in mesh.lints}
