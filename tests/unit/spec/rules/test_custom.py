"""Services of the user's own in a topology: what each kind may say, and what is said of everything else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from testbed.errors import TopologyError
from testbed.spec.graph import mermaid, tree
from testbed.spec.load import load_topology, recorded_topology
from testbed.spec.topology import Topology

WEB = {"command": ["npm", "start"], "calls": ["db"]}
DB = {"address": "localhost:5432"}


def made(**services: Any) -> Topology:
    return Topology.model_validate({"name": "t", "entry": "web", "services": {"web": WEB, "db": DB} | services})


def wrong(**services: Any) -> str:
    with pytest.raises(TopologyError) as caught:
        Topology(name="t", entry="web", services={"web": WEB, "db": DB} | services)  # type: ignore[arg-type]
    return str(caught.value)


def test_stubs_and_custom_services_mix() -> None:
    topology = made(web={**WEB, "calls": ["db", "pricing"]}, pricing={"language": "go", "calls": ["db"]})
    assert [service.kind for service in topology.services.values()] == ["command", "address", "go"]
    assert list(map(str, topology.edges())) == ["client -> web", "web -> db", "web -> pricing", "pricing -> db"]


def test_a_command_may_be_one_line() -> None:
    topology = made(web={**WEB, "command": "python -m http.server '80 80'"})
    assert topology.services["web"].command == ("python", "-m", "http.server", "80 80")


def test_environment_values_may_be_numbers_and_booleans() -> None:
    topology = made(web={**WEB, "env": {"POOL": 5, "DEBUG": True, "RATE": 0.5}})
    assert topology.services["web"].env == {"POOL": "5", "DEBUG": "true", "RATE": "0.5"}


@pytest.mark.parametrize(
    ("service", "words"),
    [
        ({}, "services.web: missing one of language, command, image, address"),
        ({"command": "x", "address": "db:1"}, "services.web: has command and address: use only one of language"),
        ({"language": "go", "image": "x"}, "services.web: has language and image: use only one of language"),
        ({"command": "x", "routes": {"/a": {}}}, "services.web.routes: is for stubs only"),
        (
            {"command": "x", "work": "5ms"},
            "services.web.work: is for stubs only (language: go, node, python), not for a command",
        ),
        ({"image": "x", "onClientDisconnect": "continue"}, "services.web.onClientDisconnect: is for stubs only"),
        ({"language": "go", "env": {"A": "b"}}, "services.web.env: is for command or image, not for a stub"),
        ({"image": "x", "workdir": "."}, "services.web.workdir: is not allowed with image"),
        ({"address": "db:1", "calls": ["db"]}, "services.web.calls: is not allowed with address: the calls"),
        (
            {"address": "db:1", "replicas": 2},
            "services.web.replicas: is not allowed with address: the testbed does not start",
        ),
        ({"address": "db"}, "services.web.address: must be host:port, such as localhost:5432, is 'db'"),
        ({"address": "db:70000"}, "services.web.address: 70000 is not a port"),
        ({"command": []}, "services.web.command: must not be empty"),
        (
            {"command": "x", "calls": [{"to": "db", "timeout": "1s"}]},
            "services.web.calls[0]: write only the service name",
        ),
        ({"command": "x", "calls": [{"parallel": ["db"]}]}, "services.web.calls[0]: write only the service name"),
        ({"command": "x", "calls": ["bd"]}, "services.web.calls[0].to: no service 'bd' (valid: db, web)"),
        ({"command": "x", "needs": ["bd"]}, "services.web.needs[0]: no service 'bd' (valid: db, web)"),
        ({"command": "x", "needs": ["web"]}, "services.web.needs[0]: web cannot wait for itself"),
        ({"command": "x", "port": 4140}, "services.web.port: 4140 is taken by the proxy"),
        ({"command": "x", "port": 10001}, "services.web.port: 10001 is taken by the testbed's links"),
        ({"command": "x", "port": 4140, "binds": "all"}, "services.web.port: 4140 is taken by the proxy"),
        ({"command": "x", "ready": {"http": "/a", "log": "b"}}, "services.web.ready: has http and log: use only one"),
        ({"command": "x", "ready": {"log": "("}}, "services.web.ready.log: '(' is not a valid regular expression"),
        ({"command": "x", "ready": {"htp": "/a"}}, "services.web.ready.htp: unknown key (did you mean 'http'?)"),
        ({"command": "x", "env": {"1A": "b"}}, "must be the name of an environment variable, is '1A'"),
    ],
)
def test_a_problem_is_reported_with_its_place(service: dict[str, Any], words: str) -> None:
    assert words in wrong(web=service)


def test_services_that_wait_for_each_other_are_an_error() -> None:
    text = wrong(
        web={**WEB, "needs": ["cache"]}, cache={"command": "x", "needs": ["db2"]}, db2={**WEB, "needs": ["web"]}
    )
    assert "services.web.needs[0]: web and cache wait for each other" in text


@pytest.mark.parametrize(
    ("field", "value", "place"),
    [
        ("env", {"DB": "postgres://{{upstream.dv.address}}/x"}, "env.DB"),
        ("command", ["serve", "{{ upstream.dv.address }}"], "command[1]"),
        ("ready", {"command": ["check", "{{upstream.dv.address}}"]}, "ready.command[1]"),
    ],
)
def test_an_unknown_placeholder_is_an_error_with_file_line_field_and_the_nearest(
    tmp_path: Path, field: str, value: object, place: str
) -> None:
    file = tmp_path / "shop.yaml"
    web = {"command": ["x"], "calls": ["db"]} | {field: value}
    file.write_text(f"name: t\nentry: web\nservices:\n  db: {{address: 'a:1'}}\n  web: {web}\n")
    with pytest.raises(TopologyError) as caught:
        load_topology(file)
    hint = "unknown placeholder {{upstream.dv.address}} (did you mean 'upstream.db.address'?)"
    assert str(caught.value) == f"{file}:5: services.web.{place}: {hint}"


def test_a_placeholder_of_a_service_that_is_not_called_is_an_error() -> None:
    text = wrong(web={"command": "x", "env": {"DB": "{{upstream.db.url}}"}})
    assert "services.web.env.DB: unknown placeholder {{upstream.db.url}}" in text


# -- overrides


def test_an_address_replaces_the_command_of_a_service() -> None:
    topology = made(db={"command": "postgres", "env": {"A": "b"}, "replicas": 2, "needs": ["web"]})
    moved = topology.with_overrides(addresses={"db": ("127.0.0.1", 5433)})
    assert (
        moved.services["db"]
        == Topology.model_validate(
            {"name": "t", "entry": "db", "services": {"db": {"address": "127.0.0.1:5433"}}}
        ).services["db"]
    )
    assert moved.services["web"] == topology.services["web"]


@pytest.mark.parametrize(
    ("addresses", "words"),
    [
        ({"bd": ("a", 1)}, "override of addresses.bd: no service 'bd' (valid: db, web)"),
        ({"db": "a"}, "override of services.db.address: must be host:port"),
        ({"db": ("a", 0)}, "override of services.db.address: 0 is not a port"),
    ],
)
def test_an_invalid_address_is_an_error(addresses: Any, words: str) -> None:
    with pytest.raises(TopologyError) as caught:
        made().with_overrides(addresses=addresses)
    assert words in str(caught.value)


# -- what is said of them


def test_a_recorded_topology_reads_back() -> None:
    topology = made(web={**WEB, "ready": {"http": "/healthz", "within": "5s"}, "needs": ["db"], "env": {"A": "b"}})
    assert recorded_topology(topology.model_dump(mode="json", by_alias=True)) == topology


def test_the_graph_shows_the_kind_of_each_service() -> None:
    topology = made(web={**WEB, "replicas": 2, "calls": ["db", "shop"]}, shop={"image": "nginx:1"})
    assert tree(topology).splitlines()[0] == "web (command x2)"
    assert "─ db (external, localhost:5432): no policy" in tree(topology)
    assert 'shop["shop (image)"]' in mermaid(topology)


def test_a_custom_service_gets_no_warning_about_a_deadline_header() -> None:
    data = {
        "name": "t",
        "entry": "web",
        "services": {"web": WEB | {"calls": ["api"]}, "api": {**WEB}, "db": DB},
        "policies": [
            {"edge": "web -> api", "timeout": "1s"},
            {"edge": "api -> db", "timeout": "1s", "respectExpectedRqTimeout": True},
        ],
    }
    assert not any("forward" in text for text in Topology.model_validate(data).warnings())
