"""Who may control Toxiproxy: whoever may open its socket, or has the token of the run where there is only a port."""

from __future__ import annotations

import http.client
import json
import os
import socket
import stat
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from testbed.errors import TestbedError
from testbed.injection.toxiproxy.links import Links
from testbed.runtime.tools import binaries
from tests.kit.planes import Stage, stage
from tests.kit.processes import eventually

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("links") / ("long" * 40) / "run", inlet=False) as made:
        yield made


def test_the_api_is_a_socket_that_only_its_owner_can_open(started: Stage) -> None:
    path = started.directory / "links/api.sock"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(started.directory.stat().st_mode) == 0o700
    assert started.toxi.verify_clean() == []


def test_toxiproxy_listens_at_no_port_besides_its_links(started: Stage) -> None:
    pid = started.runtime.pid("links")
    inodes = {os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()}
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    mine = [row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in inodes]
    assert len(mine) == len(started.links)


def test_a_restarted_toxiproxy_takes_its_place_again(started: Stage) -> None:
    started.runtime.restart("links")
    assert started.toxi.verify_clean() == []


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A Toxiproxy with a port, as in a container: its address and the file of its token."""
    folder = tmp_path_factory.mktemp("port")
    with socket.create_server(("127.0.0.1", 0)) as free:
        where = f"127.0.0.1:{free.getsockname()[1]}"
    token = folder / "token"
    command = [str(binaries.find("toxiproxy")), "-listen", where, "-token", str(token)]
    with subprocess.Popen(command, env={"LOG_LEVEL": "error"}) as process:
        eventually(lambda: answer(where, "/version")[0] == 200, 60)
        yield where, token
        process.terminate()


def answer(address: str, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, str]:
    connection = http.client.HTTPConnection(address, timeout=60)
    try:
        connection.request("GET", path, headers=dict(headers or {}))
        response = connection.getresponse()
        return response.status, response.read().decode()
    except ConnectionError:
        return 0, ""
    finally:
        connection.close()


def test_a_port_needs_the_token(address: tuple[str, Path]) -> None:
    where, token = address
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert Links(where, token=token).verify_clean() == []
    with pytest.raises(TestbedError, match="Toxiproxy answered 401"):
        Links(where).verify_clean()
    assert answer(where, "/proxies", {"Authorization": "Bearer "})[0] == 401


@pytest.mark.parametrize(
    "page",
    [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Host": "evil.example"}, {"Host": "localhost:8474"}],
    ids=str,
)
def test_a_web_page_is_refused_whatever_it_knows(address: tuple[str, Path], page: Mapping[str, str]) -> None:
    where, token = address
    assert answer(where, "/proxies", {"Authorization": f"Bearer {token.read_text()}", **page})[0] == 403
    assert answer(where, "/version", page)[0] == 403


def test_who_has_no_token_learns_the_version_only(address: tuple[str, Path]) -> None:
    assert json.loads(answer(address[0], "/version")[1]) == {"version": "2.12.0"}


@pytest.mark.parametrize("arguments", [[], ["-listen", "127.0.0.1:1"], ["-socket", "a", "-listen", "127.0.0.1:1"]])
def test_there_is_no_api_without_a_guard(arguments: list[str]) -> None:
    done = subprocess.run([binaries.find("toxiproxy"), *arguments], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (2, "toxiproxy: give -socket, or -listen and -token\n")
