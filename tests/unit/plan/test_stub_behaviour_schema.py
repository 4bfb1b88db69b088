"""What the stubs are told is what the schema beside them says: of every topology here, and of any that is accepted."""

from __future__ import annotations

import json
from copy import deepcopy
from itertools import chain
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from testbed.errors import TopologyError
from testbed.native import LANGUAGES, stub_path
from testbed.plan.stub_behaviour import behaviour
from testbed.spec.load import load_topology
from testbed.spec.services import METHODS
from testbed.spec.topology import Topology
from tests.kit import ROOT
from tests.kit.stubs import behaviour as kit

SCHEMA = json.loads((stub_path("node").parent / "behaviour.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
TOPOLOGIES = sorted(chain(*(ROOT.glob(f"{folder}/**/*.yaml") for folder in ("examples", "topologies", "tests"))))


def told(topology: Topology) -> list[Any]:
    """The behaviours of its stubs, as they are read from JSON."""
    stubs = [name for name, service in topology.services.items() if service.kind in LANGUAGES]
    return [json.loads(json.dumps(behaviour(topology, name), allow_nan=False)) for name in stubs]


def test_the_schema_is_one_and_there_are_topologies_to_try() -> None:
    VALIDATOR.check_schema(SCHEMA)
    assert len(TOPOLOGIES) > 20


@pytest.mark.parametrize("path", TOPOLOGIES, ids=lambda path: str(path.relative_to(ROOT)))
def test_behaviours_of_topologies_are_valid(path: Path) -> None:
    for one in told(load_topology(path)):
        VALIDATOR.validate(one)


MS = st.sampled_from(["0ms", "1ms", "2.5s", "3m"])
PATH = st.from_regex(r"/\S{0,8}", fullmatch=True)
STATUS, COUNT = st.integers(400, 599), st.integers(0, 5)
NAME = st.from_regex(r"[A-Za-z0-9._-]+", fullmatch=True)
ANSWER = st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2)


def some(**words: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Any of these words, each there or not."""
    return st.fixed_dictionaries({}, optional=words)


def calls(on_failure: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    words = {"method": st.sampled_from(METHODS), "path": PATH, "timeout": MS, "onFailure": on_failure}
    retry = st.fixed_dictionaries({"retries": COUNT}, optional={"pause": MS})
    to = {"to": st.sampled_from(["back", "rpc"])}
    return st.fixed_dictionaries(to, optional={**words, "retry": retry})


FAILURE = st.recursive(
    st.sampled_from(["fail", "ignore"])
    | some(status=STATUS, keep=st.lists(STATUS, max_size=3))
    | st.fixed_dictionaries({"fallback": NAME}, optional={"answer": ANSWER})
    | st.fixed_dictionaries({"fallback": NAME, "stale": st.just(True)}),
    lambda inner: st.fixed_dictionaries({"fallback": NAME, "call": calls(inner)}),
    max_leaves=2,
)
STEP = calls(FAILURE) | st.fixed_dictionaries({"parallel": st.lists(calls(FAILURE), min_size=1, max_size=3)})
WORK = MS | st.dictionaries(st.sampled_from(["p0", "p50", "p99.9", "p100"]), MS, min_size=1)
ROUTE = some(
    calls=st.lists(STEP, max_size=3),
    work=WORK,
    answer=some(status=st.integers(200, 599), bytes=st.integers(0, 100)),
)
KEY = st.builds(str.__add__, st.sampled_from(["", *(f"{method} " for method in METHODS)]), PATH)
FRONT = some(
    protocol=st.sampled_from(["http", "http2", "grpc"]),
    outbound=st.sampled_from(["listener", "httpProxy"]),
    forwardHeaders=st.lists(st.sampled_from(["x-tenant", "X-Other"]), max_size=2),
    deadline=st.sampled_from(["x-left", "grpc-timeout"]),
    onClientDisconnect=st.sampled_from(["cancel", "continue"]),
    terminationGracePeriod=MS,
    resetPath=PATH,
    concurrency=st.fixed_dictionaries({"limit": st.integers(1, 9)}, optional={"queue": COUNT, "shed": STATUS}),
    routes=st.dictionaries(KEY, ROUTE, max_size=2),
    calls=st.lists(STEP, max_size=3),
    work=WORK,
)


@settings(deadline=None, max_examples=60, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(FRONT)
def test_behaviours_of_any_accepted_words_are_valid(front: dict[str, Any]) -> None:
    services = {
        "front": {"language": "go", **front},
        "back": {"language": "node"},
        "rpc": {"language": "go", "protocol": "grpc"},
    }
    try:
        topology = Topology(name="t", entry="front", services=services)
    except TopologyError:
        return  # refused with words of its own, which other tests are about
    for one in told(topology):
        VALIDATOR.validate(one)


STALE = kit.call("b", protocol="grpc", on_failure=kit.stale("last"))
GOOD = kit.behaviour(
    [kit.call("a", on_failure=kit.static("x", None)), kit.call("a", on_failure=kit.IGNORE)],
    kit.call("a", on_failure=kit.instead("other", STALE)),
    concurrency={"limit": 1, "queue": 0, "shed": 429},
    work={"0": 1, "100": 2},
    routes={"GET /x": kit.route(kit.call("a"))},
)


def objects(value: Any) -> list[dict[str, Any]]:
    """Every object in a value whose keys are given."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    own = [value] if isinstance(value, dict) and "/x" not in "".join(value) and "499" not in value else []
    return own + [one for part in inner for one in objects(part)]


def test_an_unknown_and_a_missing_key_are_not_valid_anywhere() -> None:
    good = json.loads(json.dumps(GOOD))
    VALIDATOR.validate(good)
    for number, one in enumerate(objects(good)):
        for key in [*one, "unknown"]:
            wrong = deepcopy(good)
            part = objects(wrong)[number]
            if key in part:
                del part[key]
            else:
                part[key] = 1
            assert not VALIDATOR.is_valid(wrong), (one, key)


def test_what_the_tests_of_the_stubs_tell_them_is_valid() -> None:
    VALIDATOR.validate(json.loads(json.dumps(kit.behaviour(deadline="x-left", reset="/reset", protocol="grpc"))))


@pytest.mark.parametrize("protocols", [("http", "http"), ("http", "grpc"), ("grpc", "http")])
def test_statuses_of_grpc_are_told_where_it_is_spoken(protocols: tuple[str, str]) -> None:
    own, other = protocols
    services = {
        "front": {"language": "go", "protocol": own, "calls": ["back"]},
        "back": {"language": "go", "protocol": other},
    }
    statuses = behaviour(Topology(name="t", entry="front", services=services), "front")["grpc"]
    if "grpc" not in protocols:
        assert statuses is None
    else:
        assert (statuses["names"][14], statuses["http"][14], statuses["of_http"]["502"]) == ("UNAVAILABLE", 503, 14)


def test_work_is_told_from_0_to_100_percent_in_order() -> None:
    def work(given: Any) -> Any:
        return behaviour(Topology(name="t", entry="a", services={"a": {"language": "go", "work": given}}), "a")[
            "default"
        ]["work"]

    assert work({"p99.9": "5ms", "p50": "2ms"}) == [(0, 0), (50, 2), (99.9, 5), (100, 5)]
    assert work("3ms") == [(0, 3), (100, 3)]
    assert work({"p0": "1ms", "p100": "2ms"}) == [(0, 1), (100, 2)]
    assert behaviour(Topology(name="t", entry="a", services={"a": {"language": "go"}}), "a")["default"]["work"] == []
