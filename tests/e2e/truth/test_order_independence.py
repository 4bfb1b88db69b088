"""What we do between two tests is not the app's fault: pooled connections survive, or the pools are warm again.

Planted: the fault itself breaks the pool, which is red in the test with the fault. Fixed: the test after it, where
nothing is broken, is green, with and without proxies that must be restarted.
"""

import pytest

from testbed import connection_refused, constant_rate, contained, get, topology

EJECTS = {"api -> peer": {"outlierDetection": {"consecutive5xxErrors": 3, "maxEjectionPercent": 100}}}
PATIENT = {"api -> peer": {"outlierDetection": {"consecutive5xxErrors": 50}}}
FILE = "pools/topology.yaml"

plain = topology(FILE, scope="module")
ejecting = topology(FILE, policies=EJECTS, scope="module")
patient = topology(FILE, policies=PATIENT, scope="module")
SHORT = {"warmup_s": 0.2, "baseline_s": 0.5, "hold_s": 0.5}
EDGES = {"/db": "api -> db", "/peer": "api -> peer"}


def load(path):
    return constant_rate(get(path), rps=8)


@pytest.mark.parametrize("path", EDGES)
@pytest.mark.parametrize("name", ["plain", "ejecting"])
def test_after_a_fault_that_broke_the_pool_the_next_run_is_green(name, path, request):
    bed = request.getfixturevalue(name)
    broken = bed.experiment(connection_refused().on(EDGES[path]), load=load(path), recover_s=1, **SHORT)
    assert broken.judge(all=[contained()]).outcome == "violated"
    started = dict.fromkeys(["api-1/proxy"], bed.parts.runtime.pid("api-1/proxy"))
    bed.clean()
    assert (bed.parts.runtime.pid("api-1/proxy") == started["api-1/proxy"]) == (name == "plain" or path == "/db")
    bed.experiment(load=load(path), recover_s=0.5, **SHORT).check(all=[contained()])


def test_after_a_fault_without_an_ejection_the_proxy_is_not_restarted(patient):
    refused = connection_refused().on("api -> peer")
    broken = patient.experiment(refused, load=load("/peer"), recover_s=1, **SHORT)
    assert broken.judge(all=[contained()]).outcome == "violated"
    before = patient.parts.runtime.pid("api-1/proxy")
    patient.clean()
    assert patient.parts.runtime.pid("api-1/proxy") == before
    with patient.inject(refused), patient.client() as client:  # a streak that no good answer ended
        client.get("/peer")
    patient.clean()
    assert patient.parts.runtime.pid("api-1/proxy") != before


@pytest.mark.parametrize("name", ["a plain load", "an experiment without warm-up"])
def test_after_a_restart_a_run_without_warm_up_is_green_too(name, ejecting):
    broken = ejecting.experiment(connection_refused().on("api -> peer"), load=load("/peer"), recover_s=0.5, **SHORT)
    assert broken.judge(all=[contained()]).outcome == "violated"
    ejecting.clean()
    if name == "a plain load":
        with ejecting.load(load("/peer")) as traffic:
            traffic.run(for_s=0.5)
        traffic.result().check(all=[contained()])
        return
    ejecting.experiment(load=load("/peer"), recover_s=0.5, **SHORT | {"warmup_s": 0}).check(all=[contained()])
