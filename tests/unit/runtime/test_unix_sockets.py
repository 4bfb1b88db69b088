"""Unix sockets are reached over paths of any length, by requests and by readiness checks."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.errors import TestbedError
from testbed.runtime.http import KeepAliveClient, ask
from testbed.runtime.readiness import wait_ready
from testbed.runtime.unix_sockets import LONGEST, connected, usable
from tests.kit.unix_server import OverUnix, UnixServer


class Echo(OverUnix):
    def do_GET(self) -> None:
        self.say(200, f"{self.path} {self.headers['Authorization']}")


@pytest.fixture(params=["short", "long"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A socket with a server behind it."""
    folder = tmp_path / ("f" * 150 if request.param == "long" else "f")
    folder.mkdir()
    with usable(str(folder / "api.sock")) as short, UnixServer(short, Echo) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield folder / "api.sock"
        server.shutdown()
        thread.join()


def test_requests(path: Path) -> None:
    assert ask(f"unix:{path}", "/proxies", "no", headers={"Authorization": "x"}) == (200, "/proxies x")


def test_many_requests(path: Path) -> None:
    client = KeepAliveClient(f"unix:{path}")
    assert [client.get("/a"), client.get("/b"), client.life] == ["/a None", "/b None", 1]
    client.close()


def test_readiness(path: Path) -> None:
    assert wait_ready({"links": f"unix:{path}"}, 60, lambda: None) == {}


def test_nobody_there(tmp_path: Path) -> None:
    nobody = f"unix:{tmp_path}/{'n' * 150}/api.sock"
    with pytest.raises(TestbedError, match="it is gone: FileNotFoundError"):
        ask(nobody, "/", "it is gone")
    assert wait_ready({"links": nobody}, 0.01, lambda: None) == {"links": "no such file or directory"}


def test_a_long_path_leaves_no_file_open(path: Path) -> None:
    """Of the folder: the server in this process has files of its own."""

    def of_folder() -> int:
        return sum(os.path.realpath(link) == str(path.parent) for link in Path("/proc/self/fd").iterdir())

    before = of_folder()
    connected(str(path), 5).close()
    assert of_folder() == before


def test_the_limit_is_that_of_the_kernel(tmp_path: Path) -> None:
    base = str(tmp_path) + "/"
    fits = base + "n" * (LONGEST - len(base))
    with usable(fits) as same, usable(fits + "n") as other:
        assert same == fits
        assert other.startswith("/proc/self/fd/")
