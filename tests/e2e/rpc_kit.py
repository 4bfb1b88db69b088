"""gRPC as users have it, with grpcio: a server on one address, and calls through a door, messages as plain bytes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import grpc

CALL, STREAM = "/shop.v1.Stock/Get", "/shop.v1.Stock/Watch"
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


@dataclass(frozen=True)
class Ended:
    """How a call ended for its client."""

    status: str
    message: bytes
    details: str
    metadata: dict[str, str] = field(hash=False)
    ms: float


class RpcApp:
    """A server whose behaviour is a Python function of each message."""

    def __init__(self, address: str, handler: Behaviour) -> None:
        self.handler, self.seen = handler, 0
        self._server = grpc.server(ThreadPoolExecutor(32), options=(("grpc.so_reuseport", 0),))
        handlers = {
            "Get": grpc.unary_unary_rpc_method_handler(self._answer),
            "Watch": grpc.stream_stream_rpc_method_handler(self._answer_each),
        }
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("shop.v1.Stock", handlers),))
        self._server.add_insecure_port(address)
        self._server.start()

    def _answer(self, message: bytes, context: grpc.ServicerContext) -> bytes:
        self.seen += 1
        return self.handler(Asked(message, context))

    def _answer_each(self, messages: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        for message in messages:
            yield self._answer(message, context)

    def close(self) -> None:
        self._server.stop(None).wait()


def echo(asked: Asked) -> bytes:
    return b"you said " + asked.message


class Door:
    """One client's channel to an address."""

    def __init__(self, address: str) -> None:
        options = (("grpc.enable_retries", 0), ("grpc.use_local_subchannel_pool", 1))
        self._channel = grpc.insecure_channel(address, options)

    def call(self, message: bytes = b"", *, timeout_s: float = 20, path: str = CALL, **metadata: str) -> Ended:
        told = [(name.replace("_", "-"), value) for name, value in metadata.items()]
        begun = time.monotonic()
        future = self._channel.unary_unary(path).future(message, timeout=timeout_s, metadata=told)
        failed = future.exception()  # waits
        ms = (time.monotonic() - begun) * 1000
        trailers = {key: value for key, value in future.trailing_metadata() or () if isinstance(value, str)}
        return Ended(future.code().name, b"" if failed else future.result(), future.details() or "", trailers, ms)

    def stream(self, messages: Iterator[bytes], path: str = STREAM, **metadata: str) -> Iterator[bytes]:
        told = [(name.replace("_", "-"), value) for name, value in metadata.items()]
        return self._channel.stream_stream(path)(messages, timeout=20, metadata=told)

    def close(self) -> None:
        self._channel.close()
