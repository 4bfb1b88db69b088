"""The recipes of docs/your-services.md, one service for each client library, and what the docs say of each."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
import yaml

from testbed import (
    abort,
    attempts,
    call_statuses,
    connection_refused,
    constant_rate,
    delay,
    get,
    start,
    statuses,
    throttle,
)
from testbed.experiment.testbed import Testbed
from testbed.spec.load import load_topology
from testbed.spec.topology import Topology
from tests.kit.processes import eventually
from tests.kit.recipes import SHOP, put_on_path, shared

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]  # the first time on a machine, packages are built

EDGES = [str(edge) for edge in load_topology(SHOP).edges() if edge.callee in ("pricing", "stock")]
CLIENTS = [edge.partition(" -> ")[0] for edge in EDGES]
GRPC = {edge.partition(" -> ")[0] for edge in EDGES if edge.endswith("stock")}
PATIENT = {"httpx", "requests", "axios"}  # whose time-out is for each wait, and not for the whole call
TIMEOUT_MS = 3000
# Each request is 17 inside.
LOAD = constant_rate(get("/"), rps=3, users=20, cohorts={"oslo": "50%"}, cohort_rps={"oslo": 3}, timeout_s=60)


@pytest.fixture(autouse=True)
def _programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_on_path(monkeypatch, tmp_path)


@pytest.fixture(scope="module")
def built() -> Path:
    """The topology's file, in a folder that outlives this checkout with all that has been installed and built."""
    return shared()


def told(file: Path, **env: str) -> Topology:
    """The topology, each of whose recipes has these variables as well."""
    data = yaml.safe_load(file.read_text())
    for service in data["services"].values():
        if "workdir" in service:
            service |= {"workdir": str(file.parent / service["workdir"]), "env": env}
    return Topology(**data)


def asked(client: httpx.Client) -> dict[str, tuple[int, float]]:
    """How the service of each client answered one request, and after how many milliseconds, as their caller tells."""
    answer = client.get("/", timeout=90).json()
    return {call["to"]: (call["status"], call["ms"]) for call in answer["calls"]}


def statuses_of(client: httpx.Client) -> dict[str, int]:
    return {name: status for name, (status, _) in asked(client).items()}


def test_each_uses_its_link_hands_on_the_context_and_gives_up_when_it_says(built: Path) -> None:
    broken = abort(503).on(service="pricing"), abort(grpc_status="UNAVAILABLE").on(service="stock")
    with start(built) as shop:
        for_some = [fault.for_cohort("oslo") for fault in broken]
        some = shop.experiment(*for_some, load=LOAD, warmup_s=0.3, baseline_s=0.7, hold_s=1.2, recover_s=0)
        _gives_up(shop)
    assert some.warnings == []
    some.check(
        all=[attempts(edge, exactly=1) for edge in EDGES],
        affected=[call_statuses(f"front -> {name}", status=503) for name in CLIENTS],
        unaffected=[call_statuses(f"front -> {name}", status=200) for name in CLIENTS],
    )


def _gives_up(shop: Testbed) -> None:
    """What never comes is given up after the time-out; what trickles in, by those whose time-out is for the whole."""
    late = delay(ms=60_000).on(service="pricing"), delay(ms=60_000).on(service="stock")
    with shop.client() as client:
        with shop.inject(*late):
            for name, (status, ms) in asked(client).items():
                assert (name, status) == (name, 503)
                assert TIMEOUT_MS - 10 <= ms < 50_000, name
        shop.clean()
        eventually(lambda: set(statuses_of(client).values()) == {200}, within_s=60)
        with shop.inject(throttle(kb_per_s=1).on(service="pricing")):
            eventually(lambda: _trickles_in(statuses_of(client)), within_s=60)


def _trickles_in(seen: dict[str, int]) -> bool:
    """A machine that stands still for as long makes a single wait too long as well: then one asks again."""
    assert {seen[name] for name in CLIENTS if name not in PATIENT | GRPC} == {503}
    return {seen[name] for name in PATIENT} == {200}


def test_without_a_mesh_each_comes_back_by_itself_and_asks_no_proxy_of_its_users(built: Path) -> None:
    gone = connection_refused().on(service="pricing"), connection_refused().on(service="stock")
    no_proxies = told(built, https_proxy="http://127.0.0.1:9", grpc_proxy="http://127.0.0.1:9")
    with start(no_proxies, mesh="none") as shop, shop.client() as client:
        assert statuses_of(client) == dict.fromkeys(CLIENTS, 200)
        with shop.inject(*gone):
            assert [statuses_of(client) for _ in range(3)] == [dict.fromkeys(CLIENTS, 503)] * 3
        after = statuses_of(client)
        assert {name for name in CLIENTS if after[name] != 200} <= GRPC  # whose channels try again a while later
        eventually(lambda: statuses_of(client) == dict.fromkeys(CLIENTS, 200), within_s=60)


def test_by_name_only_those_that_obey_http_proxy_get_there(built: Path) -> None:
    obey = {"httpx", "requests", "axios", "net-http"}
    by_name = told(built, PRICING_URL="http://pricing", STOCK_ADDR="stock:80", NODE_USE_ENV_PROXY="1")
    with start(by_name) as shop:
        with shop.client() as client:
            assert statuses_of(client) == {name: 200 if name in obey else 503 for name in CLIENTS}
        with shop.load(LOAD) as traffic:
            traffic.run(for_s=0.7, phase="load")
    run = traffic.result()
    run.check(all=[statuses(200).during("load")])
    assert {edge for edge in EDGES if run.history.index.attempts.on(edge)} == {f"{name} -> pricing" for name in obey}
