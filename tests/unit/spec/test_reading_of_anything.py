"""Properties of the reader: it ends with a topology or one TopologyError, and reads what was written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from testbed.errors import TopologyError
from testbed.spec.load import load_topology, recorded_topology
from testbed.spec.topology import Topology
from tests.kit.examples import examples

SHORT = examples(25)

SHOP = """name: shop
entry: web
services:
  web: &go {language: go, calls: [{to: api, onFailure: {fallback: stale, stale: true}}, {parallel: [db, api]}]}
  api: {<<: *go, replicas: 2, routes: {GET /a: {work: {p50: 1ms, p99: 5ms}, calls: [db]}}, calls: []}
  db: {command: "run {{self.port}}", protocol: tcp, ready: {log: up}, env: {A: 1}}
policies:
- edge: web -> api
  timeout: &t 1s
  retries: {attempts: 2, perTryTimeout: *t, retryOn: 5xx}
edges: {web -> api: {requestFaults: off}}
"""
TOKENS = (
    *("&a ", "*a", "<<: *go", "<<: ", "!!int ", "!!bool ", "!!map ", "!!set ", "!!timestamp ", "!!float ", "!x ", "!"),
    *("[", "]", "{", "}", ": ", "- ", ", ", "? ", "| ", "> ", "%YAML 1.2\n", "---\n", "...\n", "\t", "\n", "\n  "),
    *("'", '"', '"\\U00110000"', '"\\ud800"', "#", "null", "true", "1e999", "9" * 400, "-1", "~", "\x07", "\x85"),
    *("client", "web", "api", "db", "web -> db", "entry", "policies", "timeout", "calls", "command", "{{", "tcp"),
)
PLACE = st.integers(0, len(SHOP))
EDIT = st.tuples(PLACE, st.integers(0, 12), st.sampled_from(TOKENS) | st.text(max_size=3))
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.sampled_from(TOKENS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def file() -> Iterator[Path]:
    with TemporaryDirectory() as folder:
        yield Path(folder, "shop.yaml")


def ends_well(file: Path, text: str) -> None:
    """Read it: any other exception than a TopologyError that names the file fails the test."""
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        load_topology(file).warnings()
    except TopologyError as error:
        lines = str(error).splitlines()
        assert str(file) in lines[0]
        str(error).encode()


@given(edits=st.lists(EDIT, min_size=1, max_size=4))
@SHORT
def test_a_damaged_file_gives_a_topology_or_one_error(file: Path, edits: list[tuple[int, int, str]]) -> None:
    text = SHOP
    for place, cut, put in edits:
        text = text[:place] + put + text[place + cut :]
    ends_well(file, text)


@given(text=st.text(max_size=40) | st.lists(st.sampled_from(TOKENS), max_size=12).map("".join))
@SHORT
def test_any_text_gives_a_topology_or_one_error(file: Path, text: str) -> None:
    ends_well(file, text)


def places(data: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place of nested data."""
    yield place
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in inner:
        yield from places(value, (*place, key))


def replaced(data: Any, place: tuple[Any, ...], value: Any) -> Any:
    """The same data with another value at one place."""
    if not place:
        return value
    copy = data.copy()
    copy[place[0]] = replaced(data[place[0]], place[1:], value)
    return copy


PLACES = list(places(yaml.safe_load(SHOP)))


@given(place=st.sampled_from(PLACES), value=VALUE)
@SHORT
def test_any_value_at_any_place_gives_a_topology_or_one_error(file: Path, place: tuple[Any, ...], value: Any) -> None:
    ends_well(file, json.dumps(replaced(yaml.safe_load(SHOP), place, value)))


# -- what was written is read

NAMES = ["web", "api", "db", "cache"]
MS = st.integers(1, 100_000)
RETRIES = st.fixed_dictionaries(
    {"attempts": st.integers(0, 5)},
    optional={
        "perTryTimeout": MS,
        "retryOn": st.lists(st.sampled_from(["5xx", "reset", 503, "unavailable"]), min_size=1, unique=True),
        "backoff": MS,
    },
)
POLICY = st.fixed_dictionaries(
    {},
    optional={
        "timeout": MS.map("{}ms".format),
        "retries": RETRIES,
        "circuitBreaker": st.fixed_dictionaries({}, optional={"maxRequests": MS, "maxConnections": MS}),
        "outlierDetection": st.fixed_dictionaries({}, optional={"interval": MS, "consecutive5xxErrors": MS}),
        "loadBalancer": st.sampled_from(["RANDOM", {"simple": "LEAST_REQUEST"}]),
    },
)


@st.composite
def topologies(draw: st.DrawFn) -> dict[str, Any]:
    """Services that call only those after them, so that no call is endless."""
    names = NAMES[: draw(st.integers(1, len(NAMES)))]
    services, policies = {}, []
    for number, name in enumerate(names):
        calls = draw(st.lists(st.sampled_from(later), max_size=3)) if (later := names[number + 1 :]) else []
        extra = {"timeout": draw(MS), "optional": draw(st.booleans()), "path": draw(st.sampled_from(["/", "/a"]))}
        services[name] = {
            "language": draw(st.sampled_from(["go", "node", "python"])),
            "replicas": draw(st.integers(1, 4)),
            "calls": [draw(st.sampled_from([call, {"to": call, **extra}, {"parallel": [call]}])) for call in calls],
            "work": draw(st.sampled_from(["5ms", 0.5, {"p50": 1, "p99.9": "2s"}])),
            "answer": {"bytes": draw(MS)},
        }
        policies += [{"edge": f"{name}->{callee}", **draw(POLICY)} for callee in dict.fromkeys(calls)]
    return {"name": "t", "entry": names[0], "services": services, "policies": policies}


@given(data=topologies())
@SHORT
def test_a_topology_reads_back_from_yaml_with_the_same_meaning(file: Path, data: dict[str, Any]) -> None:
    made = Topology.model_validate(data)
    assert recorded_topology(made.model_dump(mode="json", by_alias=True)) == made
    for written in (data, made.model_dump(mode="json", by_alias=True, exclude_defaults=True)):
        file.write_text(yaml.safe_dump(written, sort_keys=False))
        read = load_topology(file)
        assert read == made
        assert [text.removeprefix(f"{file}:").partition(": ")[2] for text in read.warnings()] == list(made.warnings())
