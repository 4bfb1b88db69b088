"""What we do between two tests is not the app's fault: pooled connections survive, or the pools are warm again.

Planted: the fault itself breaks the pool, which is red in the test with the fault. Fixed: the test after it, where
nothing is broken, is green, with and without proxies that must be restarted.
"""

import pytest

from testbed import connection_refused, constant_rate, contained, get, topology

EJECTS = {"api -> peer": {"outlierDetection": {"consecutive5xxErrors": 3}}}
FILE = "pools/topology.yaml"

plain = topology(FILE, scope="module")
ejecting = topology(FILE, policies=EJECTS, scope="module")
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
