"""Waiting for readiness: what counts as ready, what is said of what is not, and what the waiting costs."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

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
        assert wait_ready({"a": url}, 60, nothing) == {}
    assert asked[0].startswith(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:")


def test_the_check_repeats_until_the_answer_is_200() -> None:
    with answering(b"", BUSY, b"HTTP/1.1", BUSY, OK) as (url, asked):
        assert wait_ready({"a": url}, 60, nothing) == {}
    assert len(asked) == 5


def test_a_process_that_is_not_ready_has_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("testbed.runtime.readiness.PATIENCE_S", 0.1)
    with ExitStack() as servers:
        good, busy, closes, ssh = (
            servers.enter_context(answering(answer))[0] for answer in (OK, BUSY, b"", b"SSH-2.0-OpenSSH\r\n")
        )
        bound = servers.enter_context(socket.socket())
        bound.bind(("127.0.0.1", 0))
        silent = servers.enter_context(socket.create_server(("127.0.0.1", 0)))
        nobody, never = ("http://{}:{}/".format(*one.getsockname()) for one in (bound, silent))
        ways = {"good": good, "busy": busy, "closes": closes, "ssh": ssh, "nobody": nobody, "never": never}
        begin = time.monotonic()
        said = wait_ready(ways, 0.8, nothing, own_s={"good": 60})
        assert time.monotonic() - begin >= 0.8
    assert said == {
        "busy": "answers 503",
        "closes": "connection closed",
        "ssh": "connection closed",
        "nobody": "connection refused",
        "never": "no answer within 0.1 s",
    }


def test_an_exception_of_the_check_ends_the_wait() -> None:
    def check() -> None:
        raise TestbedError("it has died")

    with pytest.raises(TestbedError, match="it has died"):
        wait_ready({"a": "http://127.0.0.1:1/"}, 60, check)


def test_an_exception_of_the_check_leaves_no_connection_open() -> None:
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
            taken.settimeout(60)
            while taken.recv(4096):  # its request, and then the end
                pass


def test_a_hundred_missing_addresses_need_little_cpu_time() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = "http://{}:{}/".format(*bound.getsockname())
        begin = time.thread_time()
        wait_ready({str(number): url for number in range(100)}, 0.6, nothing)
        assert 0 < time.thread_time() - begin < 0.3
