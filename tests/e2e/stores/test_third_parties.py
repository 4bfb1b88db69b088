"""Servers that nobody here wrote, on edges of their own protocol: etcd over gRPC, nghttpd over HTTP/2."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

import testbed
from testbed import abort, attempts, call_statuses, constant_rate, delay, get, outage, statuses
from testbed.experiment.testbed import Testbed
from testbed.spec.topology import Topology
from tests.kit import PROGRAMS, ROOT
from tests.kit.needs import need
from tests.kit.processes import eventually

pytestmark = pytest.mark.e2e

SERVING = ROOT / "examples/your-services/python"  # where the services have their server from
STOCK, FILES = "api -> stock", "api -> files"
SHORT: dict[str, Any] = {"warmup_s": 0.2, "baseline_s": 0.4, "hold_s": 0.7, "recover_s": 0}
LOAD = constant_rate(get("/"), rps=15, timeout_s=60)
RETRIES = {"attempts": 2, "retryOn": ["unavailable", "5xx", "reset"], "backoff": "5ms"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Testbed]:
    need("etcd", "nghttpd")
    folder = tmp_path_factory.mktemp("files")
    (folder / "index.html").write_text("a page")
    client, peer = "http://{{self.address}}", "http://{{self.host}}:2380"
    etcd = ["etcd", "--data-dir", "{{dir}}/etcd", "--listen-client-urls", client, "--advertise-client-urls", client]
    etcd += ["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}"]
    nghttpd = ["nghttpd", "--no-tls", "-a", "{{self.host}}", "-d", str(folder), "{{self.port}}"]
    ready = {"tcp": True, "within": "60s"}
    services = {
        "api": {
            "command": [sys.executable, "-u", str(PROGRAMS / "etcd_client.py")],
            "env": {"PYTHONPATH": str(SERVING)},
            "calls": ["stock", "files"],
            "needs": ["stock", "files"],
            "ready": {"http": "/", "within": "60s"},
        },
        "stock": {"command": [*etcd, "--unsafe-no-fsync"], "protocol": "grpc", "ready": ready},
        "files": {"command": nghttpd, "protocol": "http2", "ready": ready},
    }
    policies = [{"edge": edge, "timeout": "60s", "retries": RETRIES} for edge in (STOCK, FILES)]
    with testbed.start(Topology(name="third", entry="api", services=services, policies=policies)) as mesh:
        yield mesh


@pytest.fixture(autouse=True)
def _clean(shop: Testbed) -> None:
    shop.clean()


def test_calls_are_answered_by_them_and_on_record(shop: Testbed) -> None:
    with shop.client() as client:
        assert client.get("/").text == "a page"
    run = shop.experiment(load=LOAD, **SHORT)
    run.check(all=[statuses(200), call_statuses(STOCK, grpc_status="OK"), call_statuses(FILES, status=200)])


def test_retries_by_grpc_status_hide_what_fails_once(shop: Testbed) -> None:
    fault = abort(grpc_status="UNAVAILABLE").on(STOCK).for_users(percent=50).for_attempts(1)
    run = shop.experiment(fault, load=constant_rate(get("/"), rps=30, users=20), **SHORT)
    run.check(
        affected=[statuses(200), attempts(STOCK, exactly=1, grpc_status="UNAVAILABLE")],
        unaffected=[statuses(200), attempts(STOCK, exactly=1)],
    )


def test_the_client_gives_up_a_call_by_its_own_deadline(shop: Testbed) -> None:
    run = shop.experiment(delay(ms=50_000).on(STOCK), load=constant_rate(get("/quick"), rps=15, timeout_s=45), **SHORT)
    run.check(all=[statuses(503)])  # before any other time-out
    with shop.client() as client:
        eventually(lambda: client.get("/quick").status_code == 200, within_s=60)


def test_an_outage_of_the_http2_server_is_seen_as_over_http(shop: Testbed) -> None:
    run = shop.experiment(outage("files", kind="erroring"), load=LOAD, **SHORT)
    run.check(all=[statuses(503), attempts(FILES, exactly=3), call_statuses(FILES, status=503)])
