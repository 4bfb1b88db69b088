"""The load driver's binary, and a server for it, for every test in this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.runtime.tools import binaries
from tests.kit.programs.load_server import Server


@pytest.fixture(scope="session")
def binary() -> Path:
    return binaries.find("load", say=lambda text: None)


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()
