"""A service with a network of its own: a command runs inside it, a page is read from outside, its spans come out."""

from __future__ import annotations

import sys

import pytest

from testbed import command_probe, constant_rate, get, http_probe, probe, start, statuses
from testbed.spec.topology import Topology
from tests.kit import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.needs("networks")]
APP = [sys.executable, "-u", str(ROOT / "tests/e2e/truth/telemetry/orders.py")]
INSIDE = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8080/once').status)"


def test_probes_and_spans_of_a_service_in_a_network_of_its_own() -> None:
    own = {"command": APP, "binds": "all", "port": 8080, "ready": {"within": "60s"}}
    topology = Topology(name="apart", entry="own", services={"own": own}, telemetry="otlp")
    probes = {
        "inside": command_probe([sys.executable, "-c", INSIDE], on="own", timeout_ms=20_000),
        "outside": http_probe("own", "/once", value="status", timeout_ms=10_000),
    }
    with start(topology) as bed:
        load = constant_rate(get("/once"), rps=10)
        run = bed.experiment(load=load, probes=probes, warmup_s=0, baseline_s=0, hold_s=0.7, recover_s=0)
    run.check(all=[statuses(200), probe("outside", equals=200)])
    assert {(one.probe, one.value) for one in run.history.index.readings} == {("inside", 200.0), ("outside", 200.0)}
    assert {span.place for many in run.history.index.spans.values() for span in many} == {"own-1"}
