"""The load driver against a real grpcio server: unary calls on schedule, and the truth about how each ended."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from testbed.history.events import Request
from testbed.load.driver import Driver
from testbed.load.encoding import RequestEncoding
from testbed.load.schedule import Schedule, ScheduledRequest
from testbed.load.workload import constant_rate, poisson, unary
from tests.kit.grpc_planes import CALL, Asked, RpcApp, echo

pytestmark = pytest.mark.e2e

GRPC = RequestEncoding("grpc")


class App(RpcApp):
    """A server that keeps what it was asked."""

    def __init__(self) -> None:
        with socket.create_server(("127.77.0.4", 0)) as found:
            self.address = "{}:{}".format(*found.getsockname())
        self.asked: list[Asked] = []
        super().__init__(self.address, self._keep)
        self.behave = echo

    def _keep(self, asked: Asked) -> bytes:
        self.asked.append(asked)
        return self.behave(asked)

    @property
    def url(self) -> str:
        return f"http://{self.address}"


@pytest.fixture
def app() -> Iterator[App]:
    made = App()
    yield made
    made.close()


def call(number: int = 1, body: bytes = b"", path: str = CALL, **headers: str) -> ScheduledRequest:
    return ScheduledRequest(0.0, f"r{number}", "u0001", "", "POST", path, headers, body)


def ask(
    binary: Path, url: str, *planned: ScheduledRequest, timeout_s: float = 60, spoken: RequestEncoding = GRPC
) -> list[Request]:
    """Send requests one after the other; what became of them, in that order."""
    with Driver(binary, {"shop-1": url}, timeout_s, spoken=spoken) as driver:
        for one in planned:
            driver.send([one])
            assert driver.wait_idle()
        return driver.results()


def ends(requests: list[Request]) -> list[tuple[int, int | None, str]]:
    return [(request.status, request.grpc_status, request.error) for request in requests]


def test_calls_arrive_as_planned_with_context_and_deadline(binary: Path, app: App) -> None:
    shape = constant_rate(
        unary(CALL, b"\x0a\x00\xff", metadata={"x-tenant": "no"}), rps=10, cohorts={"trondheim": "100%"}
    )
    planned = Schedule(shape, 1).take(0.1)
    lefts = []
    app.behave = lambda asked: lefts.append(asked.context.time_remaining()) or echo(asked)
    with Driver(binary, {"shop-1": app.url}, 60, spoken=GRPC) as driver:
        driver.send(planned)
        assert driver.wait_idle()
        (request,) = driver.results()
    (asked,), (left,) = app.asked, lefts
    assert asked.message == b"\x0a\x00\xff"
    assert asked.metadata["x-tenant"] == "no"
    for name in ("baggage", "traceparent", "x-request-id"):
        assert asked.metadata[name] == planned[0].headers[name]
    assert 0 < left <= 60
    assert (request.status, request.grpc_status, request.error) == (200, 0, "")
    assert (request.method, request.path, request.replica) == ("POST", CALL, "shop-1")


def test_an_empty_message_is_the_default(binary: Path, app: App) -> None:
    assert ends(ask(binary, app.url, call())) == [(200, 0, "")]
    assert app.asked[0].message == b""


@pytest.mark.parametrize(("name", "number"), [("NOT_FOUND", 5), ("UNAVAILABLE", 14), ("UNAUTHENTICATED", 16)])
def test_an_error_is_an_answer_with_its_status(binary: Path, app: App, name: str, number: int) -> None:
    app.behave = lambda asked: asked.fail(name, "no such item: 42%")
    (request,) = ask(binary, app.url, call())
    assert (request.status, request.grpc_status, request.error) == (200, number, "")
    assert not request.ok


def test_a_method_that_is_not_there(binary: Path, app: App) -> None:
    assert ends(ask(binary, app.url, call(path="/shop.v1.Stock/Nothing"))) == [(200, 12, "")]


def test_fallbacks_are_named_in_the_trailers(binary: Path, app: App) -> None:
    def priced(asked: Asked) -> bytes:
        asked.context.set_trailing_metadata([("x-testbed-fallback", "list-price,empty")])
        return b""

    app.behave = priced
    assert ask(binary, app.url, call())[0].fallbacks == ("list-price", "empty")


def test_silence_ends_with_the_patience_and_the_server_learns_of_it(binary: Path, app: App) -> None:
    left = threading.Event()

    def silent(asked: Asked) -> bytes:
        asked.context.add_callback(left.set)
        left.wait(100)
        return b""

    app.behave = silent
    (request,) = ask(binary, app.url, call(), timeout_s=0.3)
    assert (request.status, request.grpc_status) in ((0, None), (200, 4))
    assert request.error in ("timeout", "")
    assert request.latency_ms >= 299
    assert left.wait(60)


def test_nobody_listening_is_refused(binary: Path, app: App) -> None:
    app.close()
    assert ends(ask(binary, app.url, call())) == [(0, None, "refused")]


class Broken:
    """A server that takes a connection, says `first` once it has read something, and then does `last` to it."""

    def __init__(self, last: str, first: bytes = b"") -> None:
        self.taken, self._clients = 0, list[socket.socket]()
        self._listener = socket.create_server(("127.77.0.5", 0))
        self.url = "http://{}:{}".format(*self._listener.getsockname())
        threading.Thread(target=self._serve, args=(last, first), daemon=True).start()

    def _serve(self, last: str, first: bytes) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.taken += 1
                self._clients.append(client)
                client.recv(65536)
                time.sleep(0.1)  # until the request is there as well
                client.sendall(first)
                if last == "close":  # what is unread when a socket is closed makes a reset of it
                    client.shutdown(socket.SHUT_WR)
                if last == "reset":
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
                    client.close()

    def close(self) -> None:
        for one in (self._listener, *self._clients):
            one.close()


@pytest.mark.parametrize(("last", "error"), [("close", "eof"), ("reset", "reset")])
def test_a_broken_connection_is_told_as_over_http(binary: Path, last: str, error: str) -> None:
    broken = Broken(last)
    (request,) = ask(binary, broken.url, call())
    broken.close()
    assert (request.status, request.grpc_status, request.error) == (0, None, error)
    assert broken.taken == 1  # nothing is sent a second time


def test_a_request_that_the_peer_ends_alone_is_a_reset(binary: Path) -> None:
    broken = Broken("silent", SETTINGS + frame(RST_STREAM, b"\0\0\0\x02"))
    (request,) = ask(binary, broken.url, call())
    broken.close()
    assert (request.status, request.error) == (0, "reset")


@pytest.mark.parametrize("protocol", ["grpc", "http2"])
@pytest.mark.parametrize(("last", "error"), [("close", "eof"), ("silent", "reset")])
def test_a_stream_that_breaks_off_after_its_head_is_no_answer(
    binary: Path, protocol: str, last: str, error: str
) -> None:
    """The head said 200; neither the rest of the body nor the trailers come."""
    begun = SETTINGS + frame(HEADERS, b"\x88", END_HEADERS) + frame(DATA, b"\0" * 5)
    broken = Broken(last, begun + (frame(RST_STREAM, b"\0\0\0\x02") if last == "silent" else b""))
    (request,) = ask(binary, broken.url, call(), spoken=RequestEncoding(protocol))
    broken.close()
    assert (request.status, request.grpc_status, request.error) == (0, None, error)
    assert (request.outcome, request.begun, request.ok) == ("broken_off", 200, False)


def test_a_connection_without_answers_is_left(binary: Path) -> None:
    """Nobody would notice that it is dead; later users come over a new one, as they do over HTTP/1.1."""
    broken = Broken("silent")
    requests = ask(binary, broken.url, call(1), call(2), timeout_s=0.3)
    broken.close()
    assert ends(requests) == [(0, None, "timeout")] * 2
    assert broken.taken == 2


DATA, HEADERS, RST_STREAM, END_HEADERS, END = (
    0,
    1,
    3,
    4,
    5,
)  # types of frames of HTTP/2; flags of one that is the whole answer
SETTINGS = b"\0\0\0\x04" + b"\0" * 5


def frame(kind: int, payload: bytes, flags: int = 0) -> bytes:
    """A frame of the first stream."""
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + b"\0\0\0\x01" + payload


@pytest.mark.parametrize(("protocol", "status"), [("grpc", 14), ("http2", None)])
def test_an_answer_that_is_not_grpcs_has_the_status_that_the_specification_gives(
    binary: Path, protocol: str, status: int | None
) -> None:
    """As with gRPC's own clients and with Envoy, so attempts and requests say the same. In HTTP/2 it is what it is."""
    broken = Broken("silent", SETTINGS + frame(HEADERS, b"\x08\x03503", END))  # :status 503
    (request,) = ask(binary, broken.url, call(), spoken=RequestEncoding(protocol))
    broken.close()
    assert (request.status, request.grpc_status, request.ok) == (503, status, False)


def test_all_calls_share_a_connection_and_none_waits_for_another(binary: Path, app: App) -> None:
    all_there = threading.Barrier(20)
    app.behave = lambda asked: (all_there.wait(60), b"")[1]
    with Driver(binary, {"shop-1": app.url}, 100, spoken=GRPC) as driver:
        driver.send([call(number) for number in range(20)])
        assert driver.wait_idle()
        requests = driver.results()
    assert {(request.status, request.grpc_status) for request in requests} == {(200, 0)}
    assert len({asked.context.peer() for asked in app.asked}) <= 2


@pytest.mark.lateness
@pytest.mark.parametrize("rps", [100, 200])
def test_calls_leave_on_time(binary: Path, app: App, rps: int) -> None:
    with Driver(binary, {"shop-1": app.url}, 60, spoken=GRPC) as driver:
        planned = Schedule(poisson(unary(CALL), rps=rps), 1).take(1)
        driver.send(planned, start_at=time.time() + 0.2)
        assert driver.wait_idle()
        requests = driver.results()
    assert len(requests) == len(planned)
    assert {request.grpc_status for request in requests} == {0}
    late = sorted((request.sent - request.intended) * 1000 for request in requests)
    assert late[len(late) // 2] < 20
    assert late[len(late) * 99 // 100] < 500


def test_open_loop_a_stalled_server_does_not_stop_the_sending(binary: Path, app: App) -> None:
    stalled_until = time.time() + 1.0
    app.behave = lambda asked: time.sleep(max(0.0, stalled_until - time.time())) or b""  # type: ignore[func-returns-value]
    with Driver(binary, {"shop-1": app.url}, 60, spoken=GRPC) as driver:
        driver.send(Schedule(constant_rate(unary(CALL), rps=100), 1).take(0.8))
        assert driver.wait_idle()
        requests = driver.results()
    assert sum(request.sent < stalled_until for request in requests) > 10  # sent although not one answer had come
    assert {request.grpc_status for request in requests} == {0}
