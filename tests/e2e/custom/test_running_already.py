"""Services that run already: a container or a database that somebody else has started; only edges can be broken."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from testbed import attempts, constant_rate, delay, get, kill, outage, start, statuses
from testbed.errors import FaultError
from tests.kit.programs.small_service import answer_of, command, written

pytestmark = pytest.mark.e2e

SHORT: dict[str, Any] = {"warmup_s": 0.2, "baseline_s": 0.3, "hold_s": 0.7, "recover_s": 0}


class Db(http.server.BaseHTTPRequestHandler):
    """Answers everything with "row"."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "3")
        self.end_headers()
        self.wfile.write(b"row")

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def database() -> Iterator[tuple[str, int]]:
    """A server of somebody else, on an address and port of its own."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Db) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield "localhost", server.server_address[1]
        server.shutdown()
        thread.join()


def test_the_edges_into_it_can_be_broken_and_its_process_cannot(tmp_path: Path, database: tuple[str, int]) -> None:
    web = command() | {"calls": ["db"], "env": {"CALLS": "DB_URL"}}
    topology = written(tmp_path, {"web": web, "db": command()})
    with start(topology, addresses={"db": database}) as shop:
        load = constant_rate(get("/"), rps=30, users=20)
        run = shop.experiment(delay(ms=30).on("web -> db").for_users(percent=50), load=load, **SHORT)
        run.check(all=[statuses(200), attempts("web -> db", exactly=1)])
        run = shop.experiment(outage("db", kind="refused"), load=load, **SHORT)
        run.check(all=[statuses(502)])
        with pytest.raises(FaultError, match="db is an external service at 127.0.0.1:"):
            shop.inject(kill().on(service="db"))
        shop.clean()
        assert answer_of(shop) == 200
