"""grpcio on both sides of a stub: a client that calls it, and an upstream that it calls."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc

from tests.kit.rpc import Channel, Ended, Service
from tests.kit.stubs.process import ANSWER_S, Stub, free_port
from tests.kit.stubs.scripted_upstream import PATIENCE_S, own_address

CALL, STREAM = "/testbed.v1.Stub/Call", "/testbed.v1.Stub/Stream"


@dataclass(frozen=True)
class Reply:
    """One answer of an upstream: a message, or the name of an error."""

    message: bytes = b'{"from":"upstream"}'
    error: str = ""
    after_ms: float = 0
    meet: threading.Barrier | None = None
    hold: threading.Event | None = None
    trailers: tuple[tuple[str, str], ...] = ()


SILENCE = Reply(after_ms=1000 * PATIENCE_S)


@dataclass(frozen=True)
class Seen:
    """One call as it came."""

    request: dict[str, str]
    metadata: dict[str, str]
    left_s: float


class RpcUpstream:
    """Answers with its replies in turn, the last one for ever."""

    def __init__(self) -> None:
        self.replies, self.seen = [Reply()], list[Seen]()
        self.left = threading.Event()
        address = own_address()
        self.host = f"{address}:{free_port(address)}"
        self.url = f"http://{self.host}"
        handlers = {"Call": grpc.unary_unary_rpc_method_handler(self._answer)}
        self._service = Service(self.host, "testbed.v1.Stub", handlers)

    def script(self, *replies: Reply) -> None:
        self.replies = list(replies)

    def _answer(self, message: bytes, context: grpc.ServicerContext) -> bytes:
        metadata = dict(context.invocation_metadata())
        self.seen.append(Seen(json.loads(message), metadata, context.time_remaining()))
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if reply.meet:
            reply.meet.wait(PATIENCE_S)
        if reply.hold:
            reply.hold.wait(PATIENCE_S)
        if reply.after_ms:
            gone = threading.Event()
            context.add_callback(gone.set)
            if gone.wait(reply.after_ms / 1000):
                self.left.set()
        context.set_trailing_metadata(reply.trailers)
        if reply.error:
            context.abort(grpc.StatusCode[reply.error], "scripted")
        return reply.message

    def stop(self) -> None:
        self._service.stop()


class Client:
    """One channel to a stub."""

    def __init__(self, stub: Stub) -> None:
        self._to = Channel(f"{stub.address}:{stub.port}")

    def call(
        self,
        path: str = "/",
        *,
        method: str = "GET",
        timeout_s: float = ANSWER_S,
        raw: bytes | None = None,
        to: str = CALL,
        **metadata: str,
    ) -> Ended:
        message = json.dumps({"method": method, "path": path}).encode() if raw is None else raw
        return self._to.unary(to, message, timeout_s, **metadata)

    def begin(self, path: str = "/") -> grpc.Future:
        """Begin a call, to be cancelled."""
        return self._to.channel.unary_unary(CALL).future(json.dumps({"path": path}).encode(), timeout=ANSWER_S)

    def stream(self, messages: Iterator[bytes]) -> Any:
        return self._to.stream(STREAM, messages)

    def close(self) -> None:
        self._to.close()


@contextmanager
def client(stub: Stub) -> Iterator[Client]:
    made = Client(stub)
    try:
        yield made
    finally:
        made.close()
