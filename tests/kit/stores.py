"""Commands that start real stores, which keep nothing on disk after the tests."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from testbed.runtime.tools.inventory import extras
from tests.kit.needs import need, skip

REDIS = ["redis-server", "--bind", "{{self.host}}", "--port", "{{self.port}}", "--save", "", "--appendonly", "no"]
REDIS += ["--protected-mode", "no"]


@contextmanager
def postgres() -> Iterator[list[str]]:
    """Make an empty cluster, and yield the command that serves it."""
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
        yield [*_as(user), *server, "-c", "unix_socket_directories=", "-c", "fsync=off"]
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
