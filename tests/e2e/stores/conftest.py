"""A real Redis and a real PostgreSQL, each with a small service whose driver keeps a pool, joined by a tcp edge."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import testbed
from testbed.experiment.testbed import Testbed
from testbed.runtime.tools.inventory import extras
from testbed.spec.topology import Topology
from tests.kit import PROGRAMS, ROOT
from tests.kit.needs import need, skip

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
    words = ["redis-server", "--bind", "{{self.host}}", "--port", "{{self.port}}", "--save", "", "--appendonly", "no"]
    with testbed.start(shop("redis_client.py", "cache", [*words, "--protected-mode", "no"])) as mesh:
        yield mesh


@pytest.fixture(scope="module")
def stored() -> Iterator[Testbed]:
    """A service on a PostgreSQL."""
    need("postgresql")
    initdb = Path(extras()["postgresql"].path())
    user, folder = _user(), Path(tempfile.mkdtemp(prefix="testbed-pg-"))
    try:
        if user:
            shutil.chown(folder, user, user)
        data = folder / "data"
        make = [str(initdb), "-D", str(data), "-U", "postgres", "-A", "trust", "--no-sync"]
        subprocess.run([*_as(user), *make], check=True, capture_output=True, cwd="/")
        server = [str(initdb.with_name("postgres")), "-D", str(data), "-h", "{{self.host}}", "-p", "{{self.port}}"]
        words = [*_as(user), *server, "-c", "unix_socket_directories=", "-c", "fsync=off"]
        with testbed.start(shop("postgres_client.py", "db", words)) as mesh:
            yield mesh
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _user() -> str:
    """The ordinary user who may run a server that refuses root; "" where we are one."""
    if os.geteuid() != 0:
        return ""
    if "postgres" not in {entry.pw_name for entry in pwd.getpwall()}:
        skip("postgresql", "PostgreSQL refuses to run as root, and there is no user postgres")
    need("util-linux")
    return "postgres"


def _as(user: str) -> list[str]:
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []
