"""gRPC as users have it, with grpcio: a server on one address, and calls through a door, messages as plain bytes."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import grpc

from testbed import abort, attempts, call_statuses, statuses
from testbed.checks import Check
from testbed.experiment.testbed import Testbed
from tests.kit.rpc import PATIENCE_S, Channel, Ended, Service, ended, told

CALL, STREAM = "/shop.v1.Stock/Get", "/shop.v1.Stock/Watch"
LIST, FILL = "/shop.v1.Stock/List", "/shop.v1.Stock/Fill"  # the server streams, the client streams
Behaviour = Callable[["Asked"], bytes]


@dataclass(frozen=True)
class Asked:
    """One message at a server, and the call that it came in."""

    message: bytes
    context: grpc.ServicerContext

    @property
    def metadata(self) -> dict[str, str]:
        return dict(self.context.invocation_metadata())

    def fail(self, name: str, details: str = "") -> bytes:
        self.context.abort(grpc.StatusCode[name], details)


class RpcApp:
    """A server whose behaviour is a Python function of each message."""

    def __init__(self, address: str, handler: Behaviour) -> None:
        self.handler, self.seen = handler, 0
        handlers = {
            "Get": grpc.unary_unary_rpc_method_handler(self._answer),
            "Watch": grpc.stream_stream_rpc_method_handler(self._answer_each),
            "List": grpc.unary_stream_rpc_method_handler(self._answer_often),
            "Fill": grpc.stream_unary_rpc_method_handler(self._answer_all),
        }
        self._service = Service(address, "shop.v1.Stock", handlers)

    def _answer(self, message: bytes, context: grpc.ServicerContext) -> bytes:
        self.seen += 1
        return self.handler(Asked(message, context))

    def _answer_each(self, messages: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        for message in messages:
            yield self._answer(message, context)

    def _answer_often(self, message: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        """Answer as many times as the message says."""
        for number in range(int(message)):
            yield self._answer(b"%d" % number, context)

    def _answer_all(self, messages: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        return self._answer(b",".join(messages), context)

    def close(self) -> None:
        self._service.stop()


def echo(asked: Asked) -> bytes:
    return b"you said " + asked.message


class Door:
    """One client's channel to an address."""

    def __init__(self, address: str) -> None:
        self._to = Channel(address)

    def call(self, message: bytes = b"", *, timeout_s: float = PATIENCE_S, path: str = CALL, **metadata: str) -> Ended:
        return self._to.unary(path, message, timeout_s, **metadata)

    def stream(self, messages: Iterable[bytes], path: str = STREAM, **metadata: str) -> Any:
        return self._to.stream(path, messages, **metadata)

    def list(self, often: int, **metadata: str) -> Any:
        return self._to.channel.unary_stream(LIST)(b"%d" % often, timeout=PATIENCE_S, metadata=told(metadata))

    def fill(self, messages: Iterable[bytes], **metadata: str) -> Ended:
        begun = time.monotonic()
        call = self._to.channel.stream_unary(FILL)
        return ended(call.future(iter(messages), timeout=PATIENCE_S, metadata=told(metadata)), begun)

    def close(self) -> None:
        self._to.close()


class Dialogue:
    """A stream in both directions, one message at a time."""

    def __init__(self, door: Door, **metadata: str) -> None:
        self._said: queue.Queue[bytes | None] = queue.Queue()
        self._answers = door.stream(iter(self._said.get, None), **metadata)

    def say(self, message: bytes) -> tuple[bytes, float]:
        """Say something; return the answer, and how many milliseconds it took."""
        begun = time.monotonic()
        self._said.put(message)
        return next(self._answers), (time.monotonic() - begun) * 1000

    def hang_up(self) -> str:
        """End the stream; return its status."""
        self._said.put(None)
        with suppress(grpc.RpcError):
            assert list(self._answers) == []
        return self._answers.code().name

    def say_in_vain(self, message: bytes) -> str:
        """Say something that ends the stream; return its status."""
        self._said.put(message)
        with suppress(grpc.RpcError, StopIteration):
            next(self._answers)
            raise AssertionError("there was another answer")
        self._said.put(None)
        return self._answers.code().name


def assert_retries_hide_what_fails_once(mesh: Testbed, edge: str, *more: Check, **how: Any) -> None:
    """Let the first try of every call on an edge fail: the second answers it, and the load never knows."""
    run = mesh.experiment(abort(grpc_status="UNAVAILABLE").on(edge).for_attempts(1), **how)
    failed = attempts(edge, exactly=1, grpc_status="UNAVAILABLE")
    run.check(all=[statuses(200), attempts(edge, exactly=2), failed, call_statuses(edge, grpc_status="OK"), *more])
