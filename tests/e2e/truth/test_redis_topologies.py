"""Redis as it is run: a primary that Sentinel replaces, and a Cluster whose nodes send clients to each other."""

import subprocess
import sys
from pathlib import Path

import pytest

from testbed import (
    Inconclusive,
    NotContained,
    Topology,
    availability,
    constant_rate,
    contained,
    get,
    kill,
    latency,
    start,
)
from testbed.history.detours import detours
from tests.kit import ROOT
from tests.kit.needs import need
from tests.kit.stores import REDIS

HERE = Path(__file__).parent / "redis_topologies"
TCP = {"protocol": "tcp", "ready": {"tcp": True, "within": "30s"}}
SHORT = {"warmup_s": 0.3, "baseline_s": 0.5, "hold_s": 1.2, "recover_s": 0.3}
LOAD = constant_rate(get("/"), rps=20, timeout_s=3)
EDGE = "shop -> primary"


def shop(way, calls, stores):
    command = [sys.executable, "-u", str(HERE / "shop.py")]
    env = {"PYTHONPATH": str(ROOT / "examples/your-services/python"), "WAY": way}
    app = {"command": command, "env": env, "calls": calls, "ready": {"http": "/health", "within": "30s"}}
    return Topology.model_validate({"name": way, "entry": "shop", "services": {"shop": app, **stores}})


@pytest.fixture
def watched():
    need("redis-server")
    host, port = "{{upstream.primary.host}}", "{{upstream.primary.port}}"
    told = ["--replica-announce-ip", "{{self.host}}", "--replica-announce-port", "{{self.port}}"]
    replica = {"command": [*REDIS, *told, "--replicaof", host, port], "calls": ["primary"], "needs": ["primary"], **TCP}
    watch = (
        "printf 'sentinel monitor shop %s %s 1\\nsentinel down-after-milliseconds shop 300\\n"
        f"sentinel failover-timeout shop 2000\\n' {host} {port} > {{{{dir}}}}/watch.conf; "
        "exec redis-server {{dir}}/watch.conf --sentinel --bind {{self.host}} --port {{self.port}}"
    )
    stores = {
        "primary": {"command": REDIS, **TCP},
        "replica": replica,
        "watch": {"command": ["sh", "-c", watch], "calls": ["primary", "replica"], "needs": ["replica"], **TCP},
    }
    with start(shop("sentinel", ["watch", "primary", "replica"], stores)) as bed:
        yield bed


def test_planted_users_fail_until_sentinel_has_failed_over(watched):
    """Sentinel names the address at which it watches the primary, and then that of the replica: neither is a link."""
    run = watched.experiment(kill().on(service="primary"), load=LOAD, **{**SHORT, "hold_s": 2.5})
    with pytest.raises(NotContained, match="all on shop -> primary"):
        run.check(all=[contained()])
    past = {edge for edge in detours(run.history.index) if edge.startswith("shop")}
    assert {EDGE} <= past <= {EDGE, "shop -> replica"}  # connections are looked at once a second
    assert any("indirect path" in one and "watch -> primary" in one for one in run.warnings)
    ends = [one.status for one in run.history.index.by_phase["recover"]]
    assert ends == [200] * len(ends)


NODES = ["node-a", "node-b", "node-c"]


@pytest.fixture(scope="module")
def cluster():
    need("redis-server")
    node = {
        "command": [
            *REDIS,
            "--cluster-enabled",
            "yes",
            "--cluster-config-file",
            "{{dir}}/{{self.name}}.conf",
            "--cluster-announce-ip",
            "{{self.host}}",
        ],
        **TCP,
    }
    with start(shop("cluster", NODES, dict.fromkeys(NODES, node))) as bed:
        addresses = [one.app for one in bed.plan.replicas if one.service in NODES]
        words = ["redis-cli", "--cluster", "create", *addresses, "--cluster-yes"]
        subprocess.run(words, check=True, capture_output=True, text=True, timeout=60)
        yield bed


def test_planted_redirects_lead_a_cluster_client_past_its_links(cluster):
    slow = cluster.experiment(latency(ms=50).on("shop -> node-b"), load=LOAD, **SHORT)
    with pytest.raises(Inconclusive, match=r"shop has (\d+) of \1 connections to node-b past its link"):
        slow.check(all=[availability(at_least_percent=80)])
    assert all("never used" not in one for one in slow.warnings)
