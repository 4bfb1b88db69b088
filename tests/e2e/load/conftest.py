"""The load driver's binary, and a server for it, for every test in this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from load_server import Server

from testbed.runtime.tools import binaries


@pytest.fixture(scope="session")
def binary() -> Path:
    return binaries.find("load", say=lambda text: None)


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()
