"""Waiting for readiness: what counts as ready, what is said of what is not, and what the waiting costs."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from testbed.errors import TestbedError
from testbed.runtime.readiness import wait_ready


@contextmanager
def answering(*answers: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """A server that gives one answer to each connection in turn, the last to all further; and what it was asked."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            number = 0
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                with client:
                    asked.append(client.recv(4096))
                    client.sendall(answers[min(number, len(answers) - 1)])
                number += 1

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield "http://{}:{}/healthz".format(*server.getsockname()), asked
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def nothing() -> None:
    """No process has ended."""


OK = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
BUSY = b"HTTP/1.1 503 Service Unavailable\r\n\r\n"


def test_ready_is_a_200_to_a_plain_get() -> None:
    with answering(OK) as (url, asked):
        assert wait_ready({"a": url}, 5, nothing) == {}
    assert asked[0].startswith(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:")


def test_it_asks_again_until_the_answer_is_200() -> None:
    with answering(b"", BUSY, b"HTTP/1.1", BUSY, OK) as (url, asked):
        assert wait_ready({"a": url}, 5, nothing) == {}
    assert len(asked) == 5


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(BUSY, "answers 503"), (b"", "connection closed"), (b"SSH-2.0-OpenSSH\r\n", "connection closed")],
)
def test_what_is_not_ready_has_its_reason(answer: bytes, reason: str) -> None:
    with answering(OK) as (good, _), answering(answer) as (bad, _):
        assert wait_ready({"good": good, "bad": bad}, 0.2, nothing) == {"bad": reason}


def test_nobody_listens() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = "http://{}:{}/".format(*bound.getsockname())
        begin = time.monotonic()
        assert wait_ready({"a": url}, 0.3, nothing) == {"a": "connection refused"}
        assert 0.3 <= time.monotonic() - begin < 1


def test_somebody_accepts_and_never_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = "http://{}:{}/".format(*silent.getsockname())
        assert wait_ready({"a": url}, 1.5, nothing) == {"a": "no answer within 1 s"}


def test_what_the_check_raises_ends_the_waiting() -> None:
    def check() -> None:
        raise TestbedError("it has died")

    with pytest.raises(TestbedError, match="it has died"):
        wait_ready({"a": "http://127.0.0.1:1/"}, 60, check)


def test_what_the_check_raises_leaves_no_connection_open() -> None:
    asked: list[int] = []

    def check() -> None:
        asked.append(1)
        if len(asked) > 3:
            raise TestbedError("it has died")

    with socket.create_server(("127.0.0.1", 0)) as silent:
        with pytest.raises(TestbedError):
            wait_ready({"a": "http://{}:{}/".format(*silent.getsockname())}, 60, check)
        taken, _ = silent.accept()
        with taken:
            taken.settimeout(5)
            while taken.recv(4096):  # its request, and then the end
                pass


def test_a_hundred_that_are_not_there_cost_little_processor_time() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = "http://{}:{}/".format(*bound.getsockname())
        begin = time.thread_time()
        wait_ready({str(number): url for number in range(100)}, 1.0, nothing)
        assert 0 < time.thread_time() - begin < 0.5
