"""The recipes of docs/your-services.md, one service for each client library, and what the docs say of each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from recipe_kit import SHOP, put_on_path

from testbed import abort, answered, attempts, delay, get, only_statuses, refused, start, steady, throttle
from testbed.experiment import Run
from testbed.history import Call
from testbed.model.topology import Topology, load_topology

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]  # the first time on a machine, packages are built

EDGES = [str(edge) for edge in load_topology(SHOP).edges() if edge.callee in ("pricing", "stock")]
CLIENTS = [edge.partition(" -> ")[0] for edge in EDGES]
GRPC = {edge.partition(" -> ")[0] for edge in EDGES if edge.endswith("stock")}
PATIENT = {"httpx", "requests", "axios"}  # whose time-out is for each wait, and not for the whole call
TIMEOUT_MS = 3000
# Each request is 17 inside.
LOAD = steady(get("/"), rps=2, users=20, cohorts={"oslo": "50%"}, cohort_rps={"oslo": 2}, timeout_s=30)
SHORT: dict[str, Any] = {"warmup_s": 0.7, "baseline_s": 1, "hold_s": 1.5, "recover_s": 0}


@pytest.fixture(autouse=True)
def _programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_on_path(monkeypatch, tmp_path)


def told(**env: str) -> Topology:
    """The topology, each of whose recipes has these variables as well."""
    data = yaml.safe_load(SHOP.read_text())
    for service in data["services"].values():
        if "workdir" in service:
            service |= {"workdir": str(SHOP.parent / service["workdir"]), "env": env}
    return Topology(**data)


def calls(run: Run, phase: str) -> Mapping[str, list[Call]]:
    """By client, how its service answered the requests of a phase; there are some for each."""
    index = run.history.index
    ids = {request.id for request in index.by_phase[phase]}
    found = {name: [one for one in index.calls.on(f"front -> {name}") if one.request in ids] for name in CLIENTS}
    assert [name for name, answers in found.items() if not answers] == []
    return found


def statuses(run: Run, phase: str) -> dict[str, set[int]]:
    return {name: {one.status for one in answers} for name, answers in calls(run, phase).items()}


def test_each_uses_its_link_hands_on_the_context_and_gives_up_when_it_says() -> None:
    broken = abort(503).on(service="pricing"), abort(grpc_status="UNAVAILABLE").on(service="stock")
    late = delay(ms=8000).on(service="pricing"), delay(ms=8000).on(service="stock")
    with start(SHOP) as shop:
        some = shop.experiment(*(fault.for_cohort("oslo") for fault in broken), load=LOAD, **SHORT | {"hold_s": 2})
        slow = shop.experiment(*late, load=LOAD, **SHORT)
        trickling = shop.experiment(throttle(kb_per_s=1).on(service="pricing"), load=LOAD, **SHORT)
    assert some.warnings == []
    some.check(
        all=[attempts(edge, exactly=1) for edge in EDGES],
        affected=[answered(f"front -> {name}", status=503) for name in CLIENTS],
        unaffected=[answered(f"front -> {name}", status=200) for name in CLIENTS],
    )
    slow.check(all=[answered(f"front -> {name}", status=503) for name in CLIENTS])
    for name, answers in calls(slow, "hold").items():
        assert min(one.duration_ms for one in answers) >= TIMEOUT_MS - 10, name
        assert max(one.duration_ms for one in answers) < 7000, name
    trickling.check(all=[answered(f"front -> {name}", status=503) for name in CLIENTS if name not in PATIENT | GRPC])
    for name in PATIENT:  # most of them: a machine that stands still for as long makes a wait too long as well
        assert 200 in statuses(trickling, "hold")[name], name


def test_without_a_mesh_each_comes_back_by_itself_and_asks_no_proxy_of_its_users() -> None:
    gone = refused().on(service="pricing"), refused().on(service="stock")
    with start(told(https_proxy="http://127.0.0.1:9", grpc_proxy="http://127.0.0.1:9"), mesh="none") as shop:
        run = shop.experiment(*gone, load=LOAD, **SHORT | {"hold_s": 1.3, "recover_s": 5})
    run.check(all=[answered(f"front -> {name}", status=200).during("baseline") for name in CLIENTS])
    assert statuses(run, "hold") == {name: {503} for name in CLIENTS}
    healed = max(fault.end for fault in run.history.index.faults)
    for name, answers in calls(run, "recover").items():
        failed = [one.start - healed for one in answers if one.status != 200]
        assert max(failed, default=0) < (4.5 if name in GRPC else 0.5), name


def test_by_name_only_those_that_obey_http_proxy_get_there() -> None:
    obey = {"httpx", "requests", "axios", "net-http"}
    by_name = told(PRICING_URL="http://pricing", STOCK_ADDR="stock:80", NODE_USE_ENV_PROXY="1")
    with start(by_name) as shop, shop.load(LOAD) as traffic:
        traffic.run(for_s=1, phase="load")
    run = traffic.result()
    run.check(all=[only_statuses(200).during("load")])
    assert statuses(run, "load") == {name: {200 if name in obey else 503} for name in CLIENTS}
    assert {edge for edge in EDGES if run.history.index.attempts.on(edge)} == {f"{name} -> pricing" for name in obey}
