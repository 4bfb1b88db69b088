"""The adapter to toxiproxy-python: where its requests go, and what it makes of answers."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from testbed.injection.toxiproxy.client import authorization, client
from tests.kit.unix_server import OverUnix, UnixServer


class Toxiproxy(OverUnix):
    """Answers with what it was asked; 404 to unknown paths."""

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        asked = [self.command, self.path, body, self.headers["Authorization"]]
        self.say(200 if self.path.startswith("/proxies") else 404, json.dumps(asked))

    do_GET = do_POST = do_DELETE = answer


@pytest.fixture(params=["unix", "port"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    server: Any
    if request.param == "unix":
        server, where = UnixServer(str(tmp_path / "s"), Toxiproxy), f"unix:{tmp_path}/s"
    else:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Toxiproxy)
        where = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield where
    server.shutdown()
    thread.join()
    server.server_close()


def test_requests_reach_the_address(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    send = client(address)
    assert send("get", "/proxies/a%2Fb", 60).json() == ["GET", "/proxies/a%2Fb", "", None]
    headers = {"Authorization": "Bearer x"}
    answer = send("post", "/proxies", 60, headers=headers, json={"enabled": False}).json()
    assert answer[:2] == ["POST", "/proxies"]
    assert json.loads(answer[2]) == {"enabled": False}
    assert answer[3] == "Bearer x"
    assert send("delete", "/proxies/a", 60).json()[0] == "DELETE"


def test_answers_are_checked_by_the_client(address: str) -> None:
    from toxiproxy.exceptions import NotFound

    with pytest.raises(NotFound):
        client(address)("get", "/unknown", 60)


def test_the_token_is_read_at_each_request_since_a_restart_changes_it(tmp_path: Path) -> None:
    assert authorization(None) == {}
    token = tmp_path / "token"
    for text in ("one", "two"):
        token.write_text(text)
        assert authorization(token) == {"Authorization": f"Bearer {text}"}
