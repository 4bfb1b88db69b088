"""The token of a run: made once, for its owner only, sent with every request."""

import stat
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from testbed.errors import TestbedError
from testbed.faults.operations import Rule
from testbed.injection.inlet.control import InletControl, authorization
from testbed.injection.inlet.inlet import TOKEN
from testbed.injection.inlet.rules import encode

RULES = (Rule("f1", ("127.9.2.1:20001",), abort=503),)


class Told:
    """An inlet that answers with these rules, or with another status."""

    def __init__(self) -> None:
        self.status, self.tokens = 200, list[str | None]()
        told = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                told.tokens.append(self.headers["Authorization"])
                self.rfile.read(int(self.headers["Content-Length"] or 0))
                self.send_response(told.status)
                self.end_headers()
                self.wfile.write(encode(RULES).encode())

            do_POST = do_GET

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}"


@pytest.fixture
def told() -> Iterator[Told]:
    made = Told()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def test_the_token_is_random_and_only_its_owner_can_read_it(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    first = authorization(tmp_path)
    other = tmp_path_factory.mktemp("other")
    assert stat.S_IMODE((tmp_path / TOKEN).stat().st_mode) == 0o600
    assert first == {"Authorization": f"Bearer {(tmp_path / TOKEN).read_text()}"}
    assert len((tmp_path / TOKEN).read_text()) == 64
    assert authorization(other) != first


def test_a_run_has_one_token(tmp_path: Path) -> None:
    assert authorization(tmp_path) == authorization(tmp_path)


def test_nothing_is_written_before_the_first_request(tmp_path: Path) -> None:
    InletControl("127.0.0.1:1", tmp_path)
    assert not (tmp_path / TOKEN).exists()


def test_every_request_has_the_token(tmp_path: Path, told: Told) -> None:
    control = InletControl(told.address, tmp_path)
    control.set(RULES)
    assert control.rules() == RULES
    assert told.tokens == [authorization(tmp_path)["Authorization"]] * 2


def test_a_refusal_is_no_list_of_rules(tmp_path: Path, told: Told) -> None:
    told.status = 401
    control = InletControl(told.address, tmp_path)
    with pytest.raises(TestbedError, match=r"does not tell its rules \(401\)"):
        control.rules()
    with pytest.raises(TestbedError, match=r"refused the rules \(401\)"):
        control.set(RULES)


def test_a_folder_that_is_gone_is_an_error_of_the_testbed(tmp_path: Path) -> None:
    control = InletControl("127.0.0.1:1", tmp_path / "gone" / "run")
    with pytest.raises(TestbedError, match="no token for the rules of the inlet"):
        control.set(RULES)
    assert control.rules() is None
