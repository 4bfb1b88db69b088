"""Services of the user's own in the plan: where they are reached, what they are told, when they start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from testbed.errors import FaultError, TopologyError
from testbed.experiment.planning import plan_for
from testbed.faults.target import FaultContext
from testbed.plan.custom_services import candidates
from testbed.plan.describe import as_data, as_text
from testbed.plan.make import Plan
from testbed.plan.values import AddressSpace, Network, Process, Ready
from testbed.runtime.process import netns
from testbed.runtime.process.wildcard_ports import with_namespaces
from testbed.runtime.start_order import waves
from testbed.spec.load import load_topology
from testbed.spec.topology import Topology

DB = {"address": "10.1.2.3:5432"}


def plan(mesh: str = "envoy", ports: tuple[int, ...] = (), **services: Any) -> Plan:
    data = {"name": "t", "mesh": mesh, "entry": next(iter(services)), "services": services}
    return plan_for(Topology.model_validate(data), AddressSpace("127.9", wildcard_ports=ports))


def app(made: Plan, name: str = "web-1") -> Process:
    return next(process for process in made.processes if process.name == f"{name}/app")


# -- what it is told


def test_every_custom_service_gets_its_address_and_its_upstreams() -> None:
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
    assert made.custom
    assert made.ready == Ready("tcp://127.9.1.1:8080")


def test_without_a_proxy_there_is_no_http_proxy_and_no_log_to_write() -> None:
    made = app(plan("none", web={"command": "x", "calls": ["db"]}, db=DB))
    assert set(made.env) == {"ADDR", "PORT", "DB_URL", "DB_ADDR", "DB_URLS", "NO_PROXY", "no_proxy"}


def test_placeholders_in_variables_and_commands_are_filled_in() -> None:
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
    made = plan_for(load_topology(file), AddressSpace("127.9"))
    assert app(made).cwd == str(tmp_path / "services/web")
    assert app(made, "b-1").cwd.rstrip("/") == str(tmp_path)


# -- where it is


def test_an_external_service_has_links_but_no_process() -> None:
    made = plan(web={"language": "go", "calls": ["db"]}, db=DB)
    assert not [process for process in made.processes if process.replica == "db-1"]
    link = next(link for link in made.links if link.edge == "web -> db")
    assert (link.listen, link.app) == ("127.9.2.1:10001", "10.1.2.3:5432")
    assert "db-1                   -          10.1.2.3:5432, external service: faults act" in as_text(made)


def test_a_fixed_port_is_used_at_the_address_of_the_replica() -> None:
    made = plan(web={"command": "x", "port": 50051, "replicas": 2})
    assert app(made, "web-2").listens == ("127.9.1.2:50051",)
    assert app(made, "web-2").env["PORT"] == "50051"
    assert {link.app for link in made.links} == {"127.9.1.1:50051", "127.9.1.2:50051"}


def test_a_service_on_all_addresses_gets_a_free_port() -> None:
    made = plan(ports=(22_361, 22_399), web={"command": "x", "binds": "all", "replicas": 2}, b={"command": "x"})
    assert [app(made, f"web-{n}").listens for n in (1, 2)] == [("0.0.0.0:22361",), ("0.0.0.0:22399",)]
    assert [app(made, f"web-{n}").env["PORT"] for n in (1, 2)] == ["22361", "22399"]
    assert app(made).env["ADDR"] == "0.0.0.0"
    assert app(made).ready == Ready("tcp://127.0.0.1:22361")
    assert {link.app for link in made.links} == {"127.0.0.1:22361", "127.0.0.1:22399"}


def test_no_two_runs_share_a_wildcard_port() -> None:
    ports = [port for block in range(1, 255) for port in candidates(f"127.{block}")]
    assert len(ports) == len(set(ports))
    assert min(ports) > 22_000
    assert max(ports) < 32_768  # where the ports of outgoing connections begin


def test_too_few_wildcard_ports_are_an_error() -> None:
    with pytest.raises(TopologyError, match="41 replicas listen on all addresses, but a run has only 40 ports"):
        plan(web={"command": "x", "binds": "all", "replicas": 41})


# -- in a network of its own


ALLOWED = AddressSpace("127.9", namespaces=True)


def apart(mesh: str = "envoy", space: AddressSpace = ALLOWED, **service: Any) -> Plan:
    web = {"command": "x", "binds": "all", "port": 5000, "calls": ["api"], **service}
    services = {"web": web, "api": {"language": "go", "replicas": 2}}
    return plan_for(Topology.model_validate({"name": "t", "mesh": mesh, "entry": "web", "services": services}), space)


def test_a_fixed_port_on_all_addresses_needs_a_network_namespace() -> None:
    made = apart(replicas=2, env={"ME": "{{self.address}}"}, ready={"http": "/up"}, resetPath="/reset")
    second = app(made, "web-2")
    assert second.network == Network(5000, ("127.9.1.2:4140", "127.9.1.2:4141"))
    assert second.listens == second.reached == ("127.9.1.2:5000",)
    assert second.ready.url == "http://127.9.1.2:5000/up"
    assert [second.env[key] for key in ("ADDR", "PORT", "ME")] == ["0.0.0.0", "5000", "127.9.1.2:5000"]
    assert {link.app for link in made.links if link.callee == "web-2"} == {"127.9.1.2:5000"}
    assert app(made, "api-1").network is None
    assert [process.name for process in made.processes if process.network] == ["web-1/app", "web-2/app"]


def test_its_namespace_has_all_its_upstreams() -> None:
    made = app(apart("none"))
    assert made.network == Network(5000, ("127.9.2.1:10001", "127.9.2.2:10001"))
    assert all(address in " ".join(made.env.values()) for address in made.network.upstreams)


@pytest.mark.parametrize("service", [{"port": None}, {"binds": "own"}, {"binds": "own", "port": None}])
def test_a_service_that_follows_ADDR_or_PORT_has_no_namespace(service: dict[str, Any]) -> None:
    assert app(apart(**service)).network is None


def test_without_support_and_in_containers_there_is_no_namespace() -> None:
    here, there = (app(apart(space=space)) for space in (AddressSpace("127.9"), AddressSpace("10.2", "10.2.0.2")))
    assert (here.network, here.listens) == (None, ("0.0.0.0:5000",))
    assert (there.network, there.listens) == (None, ("0.0.0.0:5000",))


def test_the_plan_shows_a_service_in_its_own_namespace() -> None:
    shown = as_text(apart())
    assert "web-1/app              x          127.9.1.1:5000, in its own network namespace" in shown
    assert shown.count("in its own network namespace") == 1
    (web,) = (process for process in as_data(apart())["processes"] if process["name"] == "web-1/app")
    assert web["network"] == {"port": 5000, "upstreams": ["127.9.1.1:4140", "127.9.1.1:4141"]}


def test_support_for_namespaces_is_tested_only_if_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []
    monkeypatch.setattr(netns, "why_not", lambda: tried.append(1) or "" if len(tried) < 2 else "no")
    greedy, modest = apart().topology, apart(port=None).topology
    assert not with_namespaces(AddressSpace("127.9"), modest).namespaces
    assert not with_namespaces(AddressSpace("10.2", "10.2.0.2"), greedy).namespaces
    assert not tried
    assert with_namespaces(AddressSpace("127.9"), greedy) == AddressSpace("127.9", namespaces=True)
    assert with_namespaces(AddressSpace("127.9"), greedy).namespaces
    assert not with_namespaces(AddressSpace("127.9"), greedy).namespaces


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
def test_conditions_for_readiness(told: dict[str, Any], ready: Ready) -> None:
    assert app(plan(web={"command": "x", "ready": told})).ready == ready


# -- when it starts


def test_the_testbed_starts_first_then_the_needed_services() -> None:
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


def test_a_restart_waits_only_for_restarted_processes() -> None:
    made = plan(web={"command": "x", "needs": ["base"]}, base={"command": "x"})
    assert [set(wave) for wave in waves({"web-1/app": app(made)})] == [{"web-1/app"}]


# -- faults


def test_faults_on_the_process_of_an_external_service_are_an_error() -> None:
    from testbed.faults import kill, latency, outage

    made = plan(web={"language": "go", "calls": ["db"]}, db=DB)
    context = FaultContext(made.links, made.replicas, {}, 0, made.proxies)
    with pytest.raises(FaultError, match=r"db is an external service at 10.1.2.3:5432.*outage\('db', kind='refused'\)"):
        kill().on(service="db").operations(context, "f1")
    with pytest.raises(FaultError, match="db is an external service"):
        outage("db", kind="killed").operations(context, "f1")
    assert outage("db", kind="refused").operations(context, "f1")
    assert latency(ms=5).on("web -> db").operations(context, "f1")
