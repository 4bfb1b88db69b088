"""A real Redis and a real PostgreSQL, each with a small service whose driver keeps a pool, joined by a tcp edge."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

import testbed
from testbed.experiment.testbed import Testbed
from testbed.spec.topology import Topology
from tests.kit import PROGRAMS, ROOT
from tests.kit.needs import need
from tests.kit.stores import REDIS, postgres

SERVING = ROOT / "examples/your-services/python"  # where the services have their server from


def shop(client: str, store: str, command: list[str], **policy: Any) -> Topology:
    """A service of the user's own on a store, and an edge between them that carries tcp."""
    services = {
        "api": {
            "command": [sys.executable, "-u", str(PROGRAMS / client)],
            "env": {"PYTHONPATH": str(SERVING)},
            "calls": [store],
            "ready": {"http": "/", "within": "30s"},
            "needs": [store],
        },
        store: {"command": command, "protocol": "tcp", "ready": {"tcp": True, "within": "30s"}},
    }
    policies = [{"edge": f"api -> {store}", **policy}] if policy else []
    return Topology(name=store, entry="api", services=services, policies=policies)


@pytest.fixture(scope="module")
def cached() -> Iterator[Testbed]:
    """A service on a Redis."""
    need("redis-server")
    with testbed.start(shop("redis_client.py", "cache", REDIS)) as mesh:
        yield mesh


@pytest.fixture(scope="module")
def stored() -> Iterator[Testbed]:
    """A service on a PostgreSQL."""
    with postgres() as words, testbed.start(shop("postgres_client.py", "db", words)) as mesh:
        yield mesh
