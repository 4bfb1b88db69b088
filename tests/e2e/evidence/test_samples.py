"""Samples of a real run: the proxies' own counters at both ends of every phase, and the testbed's own slowness."""

import threading

import pytest

from testbed import constant_rate, get, latency, max_latency, outage, start, statuses
from testbed.frontends.cli.support import sources
from tests.kit import MESHES
from tests.kit.judging import rejected

pytestmark = pytest.mark.e2e
SMALL = MESHES / "small.yaml"
EDGE = "front -> back"
OUTLIERS = {"consecutive5xxErrors": 3, "interval": "200ms", "baseEjectionTime": "30s", "maxEjectionPercent": 50}


@pytest.fixture
def bed():
    with start(SMALL, policies={EDGE: {"timeout": "20s", "outlierDetection": OUTLIERS}}) as running:
        yield running


def test_counters_are_there_at_both_ends_of_every_phase_and_a_new_life_begins_at_zero(bed):
    with bed.load(constant_rate(get("/"), rps=50, timeout_s=30)) as traffic:
        with bed.inject(outage("back", replicas=1, kind="erroring")):
            traffic.run(for_s=0.7, phase="broken")
        bed.parts.runtime.restart("front-1/proxy")
        traffic.run(for_s=0.3, phase="again")
    run = traffic.result()
    run.judge(all=[statuses(200, 502, 503)])
    assert run.history.index.sources == sources("envoy")
    index = run.history.index
    samples = [one for one in index.samples if one.edge == EDGE]
    for phase in (one for one in index.phases if one.name != "drain"):
        assert any(one.at <= phase.start for one in samples), f"nothing before {phase.name}"
        assert any(one.at >= phase.end for one in samples), f"nothing after {phase.name}"
    assert {one.life for one in samples} == {1, 2}
    last = {life: [one for one in samples if one.life == life][-1].values for life in (1, 2)}
    assert (last[1]["ejections"], last[1]["ejected.back-1"], last[1]["ejected.back-2"]) == (1, 1, 0)
    assert (last[2]["ejections"], last[2]["ejected.back-1"]) == (0, 0)
    assert samples[0].callers == ("front-1",)
    evidence = {one.source: one.complete for one in index.evidence}
    assert evidence["samples"]
    assert not [arrival for arrival in index.arrivals.all if not arrival.request]  # probes are nobody's arrivals


@pytest.mark.lateness
def test_a_testbed_that_stalls_is_not_taken_for_a_slow_mesh(bed):
    with bed.load(constant_rate(get("/"), rps=50, timeout_s=30)) as traffic:
        traffic.run(for_s=0.3, phase="well")
        # within the phase: at its boundary the rules are read back, which would wait for the inlet to go on
        threading.Timer(0.2, bed.parts.runtime.pause, ["inlet"]).start()
        threading.Timer(0.7, bed.parts.runtime.resume, ["inlet"]).start()
        traffic.run(for_s=1.2, phase="stalled")
    run = traffic.result()
    late, count = run.judge(all=[max_latency(under_ms=150).during("stalled"), statuses(200).during("stalled")]).verdicts
    assert late.outcome == "inconclusive"
    assert late.why.startswith(
        "the testbed was saturated: in stalled the no-op probe through the test proxies took up to"
    )
    assert "of all cores busy" in late.why
    assert count.outcome == "held"


def test_a_slow_mesh_is_not_taken_for_a_testbed_that_stalls(bed):
    slow, load = latency(ms=3000).on(EDGE), constant_rate(get("/"), rps=20, timeout_s=30)
    run = bed.experiment(slow, load=load, warmup_s=0.1, baseline_s=0, hold_s=0.5, recover_s=0.1)
    found = rejected(run, max_latency(under_ms=2900))
    assert found.outcome != "violated" or found.why.startswith("10 requests of ")
