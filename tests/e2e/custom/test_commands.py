"""Commands of the user's own as services: what they are given, how they are started, and that everything works."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from testbed import abort, attempts, constant_rate, delay, get, kill, latency, start, statuses
from testbed.errors import Inconclusive
from tests.kit.programs.small_service import HEALTHY, answer_of, command, written

pytestmark = pytest.mark.e2e

LOAD = constant_rate(get("/"), rps=30, users=20)
SHORT: dict[str, Any] = {"warmup_s": 0.2, "baseline_s": 0.3, "hold_s": 0.7, "recover_s": 0}


def env_of(shop: Any, service: str) -> dict[str, str]:
    """The environment in which a small service runs, as it says itself."""
    app = next(replica.app for replica in shop.plan.replicas if replica.service == service)
    found: dict[str, str] = httpx.get(f"http://{app}/env", trust_env=False).json()
    return found


def mixed(folder: Path, mesh: str = "envoy") -> Any:
    web = command() | {"replicas": 2, "calls": ["back"], "env": {"CALLS": "BACK_URL"}}
    services = {"front": {"language": "go", "calls": ["web"]}, "web": web, "back": {"language": "python"}}
    return written(folder, services, mesh=mesh)


def test_faults_and_checks_work_between_stubs_and_own_services(tmp_path: Path) -> None:
    policies = {"web -> back": {"retries": {"attempts": 2, "retryOn": ["5xx"]}, "timeout": "30s"}}
    with start(mixed(tmp_path)) as shop:
        with shop.override_policies(policies):
            once = abort(503).on("web -> back").for_users(percent=50).for_attempts(1)
            run = shop.experiment(once, load=LOAD, **SHORT)
        late = shop.experiment(latency(ms=200).on("front -> web"), load=LOAD, **SHORT)
    run.check(
        affected=[statuses(200), attempts("web -> back", exactly=2)],
        unaffected=[statuses(200), attempts("web -> back", at_most=1)],
    )
    late.check(all=[statuses(200)])
    assert min(request.latency_ms for request in late.history.index.by_phase["hold"]) >= 199


def test_a_killed_own_service_is_found_dead_and_comes_back(tmp_path: Path) -> None:
    with start(mixed(tmp_path)) as shop:
        with shop.load(LOAD) as traffic:
            traffic.run(for_s=0.5, phase="before")
            with shop.inject(kill().on(replica="web-1")):
                traffic.run(for_s=0.5, phase="down")
            traffic.run(for_s=0.5, phase="after")
        run = traffic.result()
        run.check(all=[statuses(200).during("before"), statuses(200).during("after")])
        shop.clean()
        assert answer_of(shop) == 200


def test_without_a_proxy_nobody_records_what_an_own_service_sends(tmp_path: Path) -> None:
    with start(mixed(tmp_path, "none")) as shop:
        run = shop.experiment(delay(ms=20).on("web -> back"), load=LOAD, **SHORT)
    run.check(all=[statuses(200), attempts("front -> web", at_most=1)])
    with pytest.raises(Inconclusive) as caught:
        run.check(all=[attempts("web -> back", at_most=1)])
    assert "web: calls of a custom service are recorded only by its proxy" in " ".join(str(caught.value).split())


def test_it_runs_with_the_users_path_and_environment_in_its_own_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "serve-shop"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -u ../service.py "$@"\n')
    program.chmod(0o755)
    (tmp_path / "web").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("JAVA_HOME", "/opt/java")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("all_proxy", "http://proxy.example:3128")
    web = {"command": "serve-shop", "workdir": "web", "calls": ["db"], "env": {"URL": "pg://{{upstream.db.address}}"}}
    with start(written(tmp_path, {"web": web, "db": {"language": "go"}})) as shop:
        found = env_of(shop, "web")
        network = shop.plan.space.network
    assert found["cwd"] == str(tmp_path / "web")
    assert (found["JAVA_HOME"], found["URL"]) == ("/opt/java", f"pg://{network}.1.1:4141")
    assert found["HTTP_PROXY"] == found["http_proxy"] == f"http://{network}.1.1:4140"
    assert "all_proxy" not in found
    assert found["NO_PROXY"] == f"127.0.0.1,{network}.1.1,localhost"


def test_clients_that_obey_http_proxy_still_reach_the_listeners(tmp_path: Path) -> None:
    """urllib in the small service takes HTTP_PROXY from its environment, and NO_PROXY for the mesh's addresses."""
    web = command() | {"calls": ["back"], "env": {"CALLS": "BACK_URL BY_NAME", "BY_NAME": "http://back/"}}
    with start(written(tmp_path, {"web": web, "back": {"language": "go"}})) as shop:
        with shop.load(LOAD) as traffic:
            traffic.run(for_s=0.5, phase="load")
        traffic.result().check(
            all=[statuses(200).during("load"), attempts("web -> back", exactly=2, per="request").during("load")]
        )


@pytest.mark.parametrize("bind", ["0.0.0.0", "127.0.0.1"])
def test_two_replicas_that_take_no_notice_of_the_address(tmp_path: Path, bind: str) -> None:
    web = command() | {"binds": "all", "replicas": 2, "env": {"BIND": bind}}
    with start(written(tmp_path, {"web": web, "back": command()})) as shop:
        ports = {replica.app.rpartition(":")[2] for replica in shop.plan.replicas if replica.service == "web"}
        assert len(ports) == 2
        for link in (link for link in shop.plan.links if link.caller == "client"):
            assert httpx.get(f"http://{link.listen}/env", trust_env=False).json()["PORT"] in ports


def test_a_service_starts_when_what_it_needs_is_ready(tmp_path: Path) -> None:
    services = {
        "web": command() | {"needs": ["base"], "calls": ["base"]},
        "base": command() | {"env": {"LATE": "0.7"}, "ready": {"http": "/healthz"}},
    }
    began = time.time()
    with start(written(tmp_path, services)) as shop:
        born = {service: born_at(shop, service) for service in services}
    assert born["web"] - born["base"] >= 0.7
    assert born["base"] >= began - 1


def born_at(shop: Any, service: str) -> float:
    """When the process of a service began (to a hundredth of a second)."""
    pid = shop.parts.runtime.pid(f"{service}-1/app")
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    boot = next(float(line.split()[1]) for line in Path("/proc/stat").read_text().splitlines() if "btime" in line)
    return boot + int(fields[19]) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize(
    "ready",
    [{"log": r"listening on 127\.\d+"}, {"command": ["test", "-f", "service.py"]}, {"http": "/"}, {"tcp": True}],
)
def test_ways_to_see_that_it_is_ready(tmp_path: Path, ready: dict[str, Any]) -> None:
    web = command() | {"ready": ready, "env": {"LATE": "0.3"}}
    with start(written(tmp_path, {"web": web})) as shop:
        shop.parts.runtime.restart("web-1/app")
        if "command" not in ready:
            assert answer_of(shop) == 200


def test_a_build_runs_before_the_start(tmp_path: Path) -> None:
    web = {"build": ["sh", "-c", "cp service.py built.py"], "command": [sys.executable, "-u", "built.py"]}
    with start(written(tmp_path, {"web": web})) as shop:
        assert answer_of(shop) == 200


def test_a_grpc_server_is_ready_when_its_health_service_says_so(tmp_path: Path) -> None:
    (tmp_path / "healthy.py").write_text(HEALTHY)
    api = {
        "command": [sys.executable, "-u", "healthy.py"],
        "protocol": "grpc",
        "ready": {"grpc": True, "within": "30s"},
    }
    begin = time.monotonic()
    with start(written(tmp_path, {"web": command() | {"calls": ["api"]}, "api": api})):
        assert time.monotonic() - begin >= 0.5
