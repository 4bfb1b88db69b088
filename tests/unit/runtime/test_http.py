"""A kept connection: quick, and it notices a new life of the other side; a slow answer is not one."""

import socket
import threading
import time
from contextlib import suppress

import pytest

from testbed.errors import TestbedError
from testbed.runtime.http import KeepAliveClient, ask


class Server:
    """Answers every GET on every connection, until it dies."""

    def __init__(self, address=("127.0.0.1", 0)):
        self.answer, self.wait_s, self.connections = b"hello", 0.0, []
        self.listener = socket.create_server(address)
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def address(self):
        host, port = self.listener.getsockname()
        return f"{host}:{port}"

    def accept(self):
        with suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                self.connections.append(client)
                threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with suppress(OSError):
            while client.recv(4096):
                time.sleep(self.wait_s)
                head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(self.answer)}\r\n\r\n".encode()
                client.sendall(head + self.answer)

    def die(self):
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for client in self.connections:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
            client.close()


@pytest.fixture
def server():
    made = Server()
    yield made
    made.die()


@pytest.fixture
def kept(server):
    made = KeepAliveClient(server.address, timeout_s=0.3)
    yield made
    made.close()


def test_one_connection_serves_many_questions(server, kept):
    assert [kept.get("/") for _ in range(3)] == ["hello"] * 3
    assert (len(server.connections), kept.life) == (1, 1)


def test_a_restart_is_detected_and_the_request_repeated_at_once(server, kept):
    kept.get("/")
    host, port = server.listener.getsockname()
    server.die()
    again = Server((host, port))
    assert (kept.get("/"), kept.life) == ("hello", 2)
    assert (kept.get("/"), kept.life) == ("hello", 2)
    again.die()


def test_a_death_counts_once_however_long_it_lasts(server, kept):
    kept.get("/")
    host, port = server.listener.getsockname()
    server.die()
    assert [kept.get("/") for _ in range(3)] == [None] * 3
    again = Server((host, port))
    assert (kept.get("/"), kept.life) == ("hello", 2)
    again.die()


def test_a_slow_answer_is_no_new_life(server, kept):
    kept.get("/")
    server.wait_s = 0.5
    assert kept.get("/") is None
    server.wait_s = 0.0
    assert (kept.get("/"), kept.life) == ("hello", 1)


def test_no_listener_is_no_restart():
    free = socket.create_server(("127.0.0.1", 0))
    address = f"127.0.0.1:{free.getsockname()[1]}"
    free.close()
    kept = KeepAliveClient(address)
    assert (kept.get("/"), kept.life) == (None, 1)


def test_the_time_of_an_answer_is_returned(server, kept):
    server.wait_s = 0.05
    assert kept.took_ms("/") >= 50


def test_one_question_on_a_connection_of_its_own(server):
    assert [ask(server.address, "/", "silent") for _ in range(2)] == [(200, "hello")] * 2
    assert len(server.connections) == 2


def test_silence_is_an_error_that_begins_with_the_complaint(server):
    server.wait_s = 0.5
    with pytest.raises(TestbedError, match="the inlet takes no rules: TimeoutError"):
        ask(server.address, "/rules", "the inlet takes no rules", method="POST", body="x", timeout_s=0.1)
