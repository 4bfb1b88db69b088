"""PostgreSQL and Redis behind pools of real drivers: faults reach every process, and clean-up breaks nothing.

Both drivers keep connections. psycopg hands out a broken one once; redis-py connects again, as it does by default.
"""

import sys
import time
from functools import partial
from pathlib import Path

import pytest

from testbed import (
    NotContained,
    Topology,
    connection_refused,
    constant_rate,
    contained,
    cpu_limit,
    get,
    kill,
    pause,
    start,
    statuses,
)
from testbed.runtime import proc
from testbed.runtime.process import family
from tests.kit import ROOT
from tests.kit.needs import need
from tests.kit.processes import eventually
from tests.kit.stores import REDIS, postgres

HERE = Path(__file__).parent / "real_stores"
SERVING = str(ROOT / "examples/your-services/python")
SHORT = {"warmup_s": 0.2, "baseline_s": 0.3, "hold_s": 0.7, "recover_s": 0.3}


@pytest.fixture(scope="module")
def shop():
    need("redis-server")
    with postgres() as words, start(Topology.model_validate(pooled(words))) as bed:
        yield bed


@pytest.fixture(autouse=True)
def _clean(shop):
    shop.clean()


def pooled(words):
    ready = {"tcp": True, "within": "30s"}
    api = {
        "command": [sys.executable, "-u", str(HERE / "pooled.py")],
        "env": {"PYTHONPATH": SERVING},
        "calls": ["db", "cache", "peer"],
        "ready": {"http": "/", "within": "30s"},
        "needs": ["db", "cache"],
    }
    services = {"api": api, "peer": {"language": "go"}}
    services["db"] = {"command": words, "protocol": "tcp", "ready": ready}
    services["cache"] = {"command": REDIS, "protocol": "tcp", "ready": ready}
    ejects = {"edge": "api -> peer", "outlierDetection": {"consecutive5xxErrors": 2, "maxEjectionPercent": 100}}
    return {"name": "pooled", "entry": "api", "services": services, "policies": [ejects]}


def load(path, timeout_s=20):
    return constant_rate(get(path), rps=10, timeout_s=timeout_s)


def backends(shop):
    """The server, its helpers and the backends of the pool; only the server is in the process group."""
    with shop.client() as client:
        assert client.get("/db").status_code == 200
    there = partial(family.descendants, shop.parts.runtime.pid("db-1/app"))
    eventually(lambda: len(there()) >= 1 + 5 + 2)  # some helpers begin a moment later
    return there()


def test_planted_queries_of_a_pool_stop_while_postgresql_is_paused(shop):
    found = backends(shop)
    with shop.inject(pause().on(service="db")):
        assert [proc.states(one) for one in found] == [{"T"}] * len(found)
    run = shop.experiment(pause().on(service="db"), load=load("/db", timeout_s=0.3), **SHORT)
    with pytest.raises(NotContained):
        run.check(all=[statuses(200)])
    assert {one.status for one in run.history.index.by_phase["hold"]} == {0}
    assert {one.status for one in run.history.index.by_phase["recover"]} == {200}


def test_planted_a_kill_ends_every_backend(shop):
    before = {one: proc.started(one) for one in backends(shop)}
    run = shop.experiment(kill().on(service="db"), load=load("/db", timeout_s=1), **SHORT)
    assert [one for one, at in before.items() if proc.started(one) == at] == []
    with pytest.raises(NotContained):
        run.check(all=[statuses(200)])


def test_planted_a_cpu_limit_slows_a_query_in_a_backend(shop):
    def took_s():
        begun = time.monotonic()
        with shop.client() as client:
            assert client.get("/work").status_code == 200
        return time.monotonic() - begun

    took_s()
    found = backends(shop)
    used = sum(map(proc.cpu_seconds, found))
    took_s()
    needed_s = sum(map(proc.cpu_seconds, found)) - used
    with shop.inject(cpu_limit(share=0.1).on(service="db")):
        assert took_s() > needed_s * 5


def test_steady_pools_of_real_drivers_after_a_fault_on_another_edge(shop):
    broken = shop.experiment(connection_refused().on("api -> peer"), load=load("/peer"), **SHORT)
    assert broken.judge(all=[contained()]).outcome == "violated"
    proxy = shop.parts.runtime.pid("api-1/proxy")
    shop.clean()
    assert shop.parts.runtime.pid("api-1/proxy") != proxy  # it remembers ejections, and it holds the pools
    for path in ("/db", "/cache"):
        shop.experiment(load=load(path), **SHORT).check(all=[contained()])
