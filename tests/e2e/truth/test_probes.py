"""Probes: what a service says of itself shows what no proxy sees, and a probe that fails is never a green verdict."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed import (
    History,
    Inconclusive,
    NotContained,
    abort,
    command_probe,
    constant_rate,
    get,
    http_probe,
    kill,
    metric_probe,
    probe,
    probe_availability,
    probe_steady,
    start,
)
from testbed.errors import TestbedError
from testbed.experiment.testbed import Testbed
from tests.kit.judging import verdict

pytestmark = pytest.mark.e2e
HERE = Path(__file__).parent / "probes" / "topology.yaml"
TIMES = {"warmup_s": 0.2, "baseline_s": 0.8, "hold_s": 1.5, "recover_s": 1}
HALF = 50  # percent of the requests: the service goes on being used
IDLE = [
    'import os, urllib.request as u; print(u.urlopen(f\'http://{os.environ["ADDR"]}:{os.environ["PORT"]}/idle\')'
    ".read().decode())"
]


@pytest.fixture(scope="module")
def shop() -> Iterator[Testbed]:
    with start(HERE) as running:
        yield running


@pytest.fixture(autouse=True)
def _clean(shop: Testbed) -> Iterator[None]:
    yield
    shop.clean()


def of(service: str) -> dict[str, object]:
    return {
        "idle": metric_probe(service, "pool_idle", labels={"pool": "stock"}, every_ms=100, unit="permits"),
        "asked": command_probe([sys.executable, "-c", *IDLE], on=service, every_ms=700, timeout_ms=10_000),
        "here": command_probe("echo {{stock.port}}", every_ms=700),
    }


def broken(shop: Testbed, service: str):
    fault = abort(503).on(f"{service} -> stock").for_requests(percent=HALF)
    return shop.experiment(fault, load=constant_rate(get(f"/{service}"), rps=20), probes=of(service), **TIMES)


def test_fixed_a_pool_that_gets_its_permits_back_has_some_after_the_fault(shop: Testbed, tmp_path: Path) -> None:
    run = broken(shop, "fixed")
    free = probe("idle", at_least=1, reading="last").during("recover")  # a call may be under way
    held = [probe("idle", at_least=0), free, probe("here", equals=8080)]
    run.check(all=held)
    assert {reading.error for reading in run.history.index.readings} == {""}
    run.history.write(tmp_path / "run.jsonl")
    again = History.read(tmp_path / "run.jsonl")
    assert again.index.readings == run.history.index.readings  # so a replay judges the same
    assert again.index.probes["idle"].places == ("fixed-1",)


def test_planted_a_pool_that_leaks_is_seen_although_every_user_is_answered(shop: Testbed) -> None:
    run = broken(shop, "leaky")
    assert {request.status for request in run.history.index.requests} == {200}
    with pytest.raises(NotContained, match=r"probe\('idle', at_least=1"):
        run.check(all=[probe("idle", at_least=1, reading="last").during("recover")])
    asked = [reading for reading in run.history.index.readings if reading.probe == "asked"]
    assert (asked[0].value, asked[-1].value) == (4, 0)  # a command in the service says the same


def test_wrong_a_probe_that_fails_violates_only_a_claim_about_itself(shop: Testbed) -> None:
    probes = {"idle": http_probe("fixed", "/idle", every_ms=100)}
    load = constant_rate(get("/fixed"), rps=20)
    run = shop.experiment(kill().on(service="fixed"), load=load, probes=probes, **TIMES)
    with pytest.raises(Inconclusive, match="of idle failed: connection refused x"):
        run.check(all=[probe("idle", at_least=0)])
    gone = verdict(run, probe_availability("idle", at_least_percent=1))
    assert gone.outcome == "violated"
    assert verdict(run, probe_availability("idle", at_least_percent=100).during("baseline")).outcome == "held"
    assert verdict(run, probe_steady("idle")).outcome == "inconclusive"


def test_wrong_a_probe_whose_place_is_unknown_is_refused_before_the_load(shop: Testbed) -> None:
    with pytest.raises(TestbedError, match=r"probe 'idle'.*'fixd'.*did you mean 'fixed'"):
        shop.experiment(load=constant_rate(get("/fixed"), rps=20), probes={"idle": http_probe("fixd")})
    assert shop.running_load is None
