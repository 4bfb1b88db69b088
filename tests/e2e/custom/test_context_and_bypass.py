"""Real small services that drop the context, or call past the mesh: found before any verdict is believed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from testbed import abort, attempts, constant_rate, get, kill, latency, start, statuses
from testbed.errors import Inconclusive, NotContained
from testbed.experiment.run import Run
from testbed.experiment.testbed import Testbed
from testbed.faults.base import Fault
from tests.kit.programs.small_service import PORT, command, written

pytestmark = pytest.mark.e2e

LOAD = constant_rate(get("/"), rps=30, users=20)
LIGHT = constant_rate(
    get("/"), rps=10, users=20
)  # enough where every request is counted, and no queue on a busy machine
SHORT: dict[str, Any] = {"warmup_s": 0.2, "baseline_s": 0.8, "hold_s": 0.7, "recover_s": 0}


def services(**env: str) -> dict[str, Any]:
    web = command() | {"calls": ["back"], "env": {"CALLS": "BACK_URL", **env}}
    back = {"language": "go", "calls": ["base"]}
    return {"front": {"language": "go", "calls": ["web"]}, "web": web, "back": back, "base": {"language": "go"}}


def text_of(run: Run, **checks: Any) -> str:
    with pytest.raises(Inconclusive) as caught:
        run.check(**checks)
    return " ".join(str(caught.value).split())


def ended(shop: Testbed, fault: Fault) -> tuple[Run, str]:
    """What an experiment says that ends before its fault, and its run; its hold phase would take ten minutes."""
    with pytest.raises(Inconclusive) as caught:
        # long enough for requests to end on a busy machine: of too few nothing is concluded
        shop.experiment(fault, load=LOAD, **SHORT | {"baseline_s": 2, "hold_s": 600})
    run = shop.record.runs[-1]
    assert [phase.name for phase in run.history.index.phases if phase.name != "drain"] == ["warm-up", "baseline"]
    assert [report.outcome for report in run.reports] == ["inconclusive"]
    return run, " ".join(str(caught.value).split())


@pytest.mark.parametrize(("edge", "placement"), [("web -> back", "sidecar"), ("back -> base", "node")])
def test_a_run_ends_before_a_fault_for_some_users_beyond_a_service_that_drops_the_context(
    tmp_path: Path, edge: str, placement: str
) -> None:
    with start(written(tmp_path, services(FORWARD="traceparent"), placement=placement)) as shop:
        run, said = ended(shop, abort(503).on(edge).for_users(percent=50))
        whole = shop.experiment(abort(503).on(edge), load=LIGHT, **SHORT)
    assert "was not injected" in said
    assert "web does not propagate baggage" in said
    assert "opentelemetry-instrument" in said
    assert len(run.warnings) == 1
    whole.check(all=[statuses(503)])


def test_without_a_warm_up_such_a_fault_is_judged_by_what_came_of_it(tmp_path: Path) -> None:
    fault = abort(503).on("web -> back").for_users(percent=50)
    with start(written(tmp_path, services(FORWARD="traceparent"))) as shop:
        with shop.load(LOAD) as traffic, shop.inject(fault):
            traffic.run(for_s=0.7, phase="hold")
        said = text_of(traffic.result(), unaffected=[statuses(200)])
    assert re.search(r"touched none of \d+ requests", said)


def test_a_service_that_hands_it_on_is_not_named(tmp_path: Path) -> None:
    with start(written(tmp_path, services())) as shop:
        run = shop.experiment(abort(503).on("back -> base").for_users(percent=50), load=LOAD, **SHORT)
    assert run.warnings == []
    run.check(unaffected=[statuses(200)], affected=[statuses(503)])


@pytest.mark.parametrize(("mesh", "placement"), [("envoy", "node"), ("none", "sidecar")])
def test_a_service_that_calls_past_the_mesh(tmp_path: Path, mesh: str, placement: str) -> None:
    web = command() | {"calls": ["back"], "env": {"CALLS": "DIRECT", "DIRECT": f"http://127.0.0.1:{PORT}/"}}
    back = command() | {"port": PORT, "env": {"BIND": "0.0.0.0"}}
    topology = written(tmp_path, {"web": web, "back": back}, mesh=mesh, placement=placement)
    with start(topology) as shop:
        run = shop.experiment(latency(ms=300).on("web -> back"), load=LOAD, **SHORT)
        dead = shop.experiment(kill().on(service="back"), load=LOAD, **SHORT)
    assert [phase.name for phase in run.history.index.phases].count("hold") == 1  # no run ends early for this
    assert "web never used its link to back in" in text_of(run, all=[statuses(200)])
    with pytest.raises(NotContained):  # a dead process is felt past the mesh as well
        dead.check(all=[statuses(200)])
    assert any("web never used its link to back in" in text for text in dead.warnings)
    assert any("BACK_URL or BACK_ADDR" in text for text in run.warnings)


def test_one_link_that_is_not_used_spoils_no_check_of_another(tmp_path: Path) -> None:
    web = command() | {"calls": ["back", "other"], "env": {"CALLS": "BACK_URL"}}
    made = written(tmp_path, {"web": web, "back": {"language": "go"}, "other": {"language": "go"}})
    with start(made) as shop:
        run = shop.experiment(latency(ms=20).on("web -> back"), load=LOAD, **SHORT)
    run.check(all=[statuses(200), attempts("web -> back", at_most=1)])
    assert "web never used its link to other" in run.warnings[0]
    assert "web never used its link to other" in text_of(run, all=[attempts("web -> other", at_most=1)])


def test_another_header_carries_the_context_where_the_topology_says_so(tmp_path: Path) -> None:
    made = written(tmp_path, services(FORWARD="x-shop-context"), contextHeaders=["X-Shop-Context"])
    with start(made) as shop:
        run = shop.experiment(abort(503).on("back -> base").for_users(percent=50), load=LOAD, **SHORT)
    assert run.warnings == []
    run.check(
        unaffected=[statuses(200), attempts("web -> back", at_most=1)],
        affected=[statuses(503), attempts("back -> base", exactly=1)],
    )
