"""Services of the user's own in the plan: where they are reached, what they are told, when they start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from testbed.describe import as_text
from testbed.errors import FaultError, TopologyError
from testbed.injection import Place
from testbed.model.topology import Topology, load_topology
from testbed.plan import Ground, Process, Ready
from testbed.planner import Plan, make_plan
from testbed.programs import candidates
from testbed.runtime.waves import waves

DB = {"address": "10.1.2.3:5432"}


def plan(mesh: str = "envoy", ports: tuple[int, ...] = (), **services: Any) -> Plan:
    data = {"name": "t", "mesh": mesh, "entry": next(iter(services)), "services": services}
    return make_plan(Topology.model_validate(data), Ground("127.9"), wildcards=ports)


def app(made: Plan, name: str = "web-1") -> Process:
    return next(process for process in made.processes if process.name == f"{name}/app")


# -- what it is told


def test_every_service_of_ones_own_is_told_where_to_listen_and_where_its_upstreams_are() -> None:
    made = app(plan(web={"command": "x", "calls": ["list-price"]}, **{"list-price": {"language": "go"}}))
    proxy, direct = "http://127.9.1.1:4140", "127.0.0.1,127.9.1.1,localhost"
    assert made.env == {
        "ADDR": "127.9.1.1",
        "PORT": "8080",
        "HTTP_PROXY": proxy,
        "http_proxy": proxy,
        "NO_PROXY": direct,
        "no_proxy": direct,
        "LIST_PRICE_URL": "http://127.9.1.1:4141",
        "LIST_PRICE_ADDR": "127.9.1.1:4141",
    }
    assert made.own
    assert made.ready == Ready("tcp://127.9.1.1:8080")


def test_without_a_proxy_there_is_no_http_proxy_and_no_log_to_write() -> None:
    made = app(plan("none", web={"command": "x", "calls": ["db"]}, db=DB))
    assert set(made.env) == {"ADDR", "PORT", "DB_URL", "DB_ADDR", "DB_URLS"}


def test_names_in_variables_and_words_are_filled_in() -> None:
    env = {
        "DATABASE_URL": "postgres://me@{{upstream.db.address}}/shop",
        "PGHOST": "{{upstream.db.host}}",
        "PGPORT": "{{ upstream.db.port }}",
        "API": "{{upstream.db.url}}/v1",
        "ME": "{{self.name}} at {{self.address}} = {{self.host}}:{{self.port}}",
        "PORT": "{{self.port}}0",
        "PLAIN": "{a} $PORT",
    }
    made = app(
        plan(web={"command": ["x", "--listen={{self.address}}", "{{dir}}/x.sock"], "env": env, "calls": ["db"]}, db=DB)
    )
    assert made.argv == ("x", "--listen=127.9.1.1:8080", "{dir}/x.sock")
    assert {key: made.env[key] for key in env} == {
        "DATABASE_URL": "postgres://me@127.9.1.1:4141/shop",
        "PGHOST": "127.9.1.1",
        "PGPORT": "4141",
        "API": "http://127.9.1.1:4141/v1",
        "ME": "web-1 at 127.9.1.1:8080 = 127.9.1.1:8080",
        "PORT": "80800",
        "PLAIN": "{a} $PORT",
    }


def test_its_folder_is_relative_to_the_file(tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text("{name: t, entry: web, services: {web: {command: x, workdir: services/web}, b: {command: y}}}")
    made = make_plan(load_topology(file), Ground("127.9"))
    assert app(made).cwd == str(tmp_path / "services/web")
    assert app(made, "b-1").cwd.rstrip("/") == str(tmp_path)


# -- where it is


def test_what_runs_already_has_links_but_no_process() -> None:
    made = plan(web={"language": "go", "calls": ["db"]}, db=DB)
    assert not [process for process in made.processes if process.replica == "db-1"]
    link = next(link for link in made.links if link.edge == "web -> db")
    assert (link.listen, link.app) == ("127.9.2.1:10001", "10.1.2.3:5432")
    assert "db-1                   -          10.1.2.3:5432, runs already: only the edges" in as_text(made)


def test_a_port_that_it_insists_on_is_its_own_on_its_own_address() -> None:
    made = plan(web={"command": "x", "port": 50051, "replicas": 2})
    assert app(made, "web-2").listens == ("127.9.1.2:50051",)
    assert app(made, "web-2").env["PORT"] == "50051"
    assert {link.app for link in made.links} == {"127.9.1.1:50051", "127.9.1.2:50051"}


def test_who_listens_on_all_addresses_gets_a_port_that_nobody_else_has() -> None:
    made = plan(ports=(22_361, 22_399), web={"command": "x", "binds": "all", "replicas": 2}, b={"command": "x"})
    assert [app(made, f"web-{n}").listens for n in (1, 2)] == [("0.0.0.0:22361",), ("0.0.0.0:22399",)]
    assert [app(made, f"web-{n}").env["PORT"] for n in (1, 2)] == ["22361", "22399"]
    assert app(made).env["ADDR"] == "0.0.0.0"
    assert app(made).ready == Ready("tcp://127.0.0.1:22361")
    assert {link.app for link in made.links} == {"127.0.0.1:22361", "127.0.0.1:22399"}


def test_no_two_runs_have_a_port_for_all_addresses_in_common() -> None:
    ports = [port for block in range(1, 255) for port in candidates(f"127.{block}")]
    assert len(ports) == len(set(ports))
    assert min(ports) > 22_000
    assert max(ports) < 32_768  # where the ports of outgoing connections begin


def test_there_is_an_end_of_ports_for_all_addresses() -> None:
    with pytest.raises(TopologyError, match="41 replicas listen on all addresses, but one run has only 40 ports"):
        plan(web={"command": "x", "binds": "all", "replicas": 41})


@pytest.mark.parametrize(
    ("told", "ready"),
    [
        ({"http": "/healthz"}, Ready("http://127.9.1.1:8080/healthz", within_s=20)),
        ({"tcp": True, "within": "2s"}, Ready("tcp://127.9.1.1:8080", within_s=2)),
        ({"grpc": True}, Ready("grpc://127.9.1.1:8080", within_s=20)),
        ({"log": "up .*"}, Ready("tcp://127.9.1.1:8080", "up .*", within_s=20)),
        (
            {"command": "pg_isready -h {{self.host}}"},
            Ready("tcp://127.9.1.1:8080", command=("pg_isready", "-h", "127.9.1.1"), within_s=20),
        ),
    ],
)
def test_ways_to_tell_that_it_is_ready(told: dict[str, Any], ready: Ready) -> None:
    assert app(plan(web={"command": "x", "ready": told})).ready == ready


# -- when it starts


def test_the_testbed_starts_first_then_what_is_needed() -> None:
    made = plan(
        web={"command": "x", "needs": ["api", "db"], "calls": ["api", "stub"]},
        api={"command": "x", "replicas": 2, "needs": ["base"]},
        base={"command": "x"},
        stub={"language": "go"},
        db=DB,
    )
    order = [set(wave) for wave in waves({process.name: process for process in made.processes})]
    assert order == [
        {"links", "inlet", "stub-1/app", "web-1/proxy"},
        {"base-1/app"},
        {"api-1/app", "api-2/app"},
        {"web-1/app"},
    ]


def test_a_restart_waits_for_nobody_who_is_not_restarted() -> None:
    made = plan(web={"command": "x", "needs": ["base"]}, base={"command": "x"})
    assert [set(wave) for wave in waves({"web-1/app": app(made)})] == [{"web-1/app"}]


# -- faults


def test_a_process_that_is_not_the_testbeds_is_not_touched() -> None:
    from faults import kill, latency, outage

    made = plan(web={"language": "go", "calls": ["db"]}, db=DB)
    place = Place(made.links, made.replicas, {}, 0, made.proxies)
    with pytest.raises(FaultError, match=r"db runs already, at 10.1.2.3:5432.*outage\('db', kind='refused'\)"):
        kill().on(service="db").operations(place, "f1")
    with pytest.raises(FaultError, match="db runs already"):
        outage("db", kind="killed").operations(place, "f1")
    assert outage("db", kind="refused").operations(place, "f1")
    assert latency(ms=5).on("web -> db").operations(place, "f1")
