"""The server in gRPC mode, with grpcio: testbed.v1.Stub, whose messages are JSON."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from .behaviour import BadInput
from .client import Cancelled
from .rpc import SERVICE, TIMEOUT, grpc
from .service import Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .service import Service
    from .settings import Settings

THREADS = 1000  # parallel requests; a thread is made when it is needed
CODES = {code.value[0]: code for code in grpc.StatusCode}
UNKNOWN = 2
HEALTH, SERVING = "grpc.health.v1.Health", b"\x08\x01"  # field 1 of its answer is the status, 1 is SERVING
FOREVER_S = 1e8  # grpcio reports this much time or more where there is no deadline
OWN_PORT = (("grpc.so_reuseport", 0),)  # so that an address in use is an error


def serve(settings: Settings, service: Service) -> None:
    """Serve until SIGTERM. Raises `BadInput` if it cannot listen."""
    server = grpc.server(ThreadPoolExecutor(THREADS), options=OWN_PORT)
    rpcs = Rpcs(service, settings.behaviour["grpc"]["of_http"])
    handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
        "Call": grpc.unary_unary_rpc_method_handler(rpcs.call),
        "Stream": grpc.stream_stream_rpc_method_handler(rpcs.stream),
    }
    health: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
        "Check": grpc.unary_unary_rpc_method_handler(lambda message, context: SERVING)
    }
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler(SERVICE, handlers),
            grpc.method_handlers_generic_handler(HEALTH, health),
        )
    )
    try:
        server.add_insecure_port(f"{settings.address}:{settings.port}")
    except RuntimeError as error:
        raise BadInput(f"cannot listen on {settings.address}:{settings.port}: {error}") from None
    server.start()
    signal.sigwait({signal.SIGTERM})  # blocked in all threads
    if grace := settings.behaviour["grace"]:
        server.stop(grace / 1000).wait()
    os._exit(0)


class Rpcs:
    """The methods of the service."""

    def __init__(self, service: Service, of_http: dict[str, int]) -> None:
        self._service = service
        self._of_http = of_http

    def call(self, message: bytes, context: grpc.ServicerContext) -> bytes:
        """Answer one request, `{"method": ..., "path": ...}`, like the service in HTTP mode."""
        with _leaving(context) as sock:
            return self._answer(message, context, sock)

    def stream(self, messages: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        """Answer each message as it comes."""
        with _leaving(context) as sock:
            for message in messages:
                yield self._answer(message, context, sock)

    def _answer(self, message: bytes, context: grpc.ServicerContext, sock: socket.socket) -> bytes:
        try:
            status, headers, body = self._service.answer(self._request(message, context, sock))
        except Cancelled:
            context.abort(grpc.StatusCode.CANCELLED, "the client has disconnected")
        own = tuple((name, value) for name, value in headers.items() if name.startswith("x-testbed-"))
        context.set_trailing_metadata(own)
        if status >= 400:
            code = CODES[self._of_http.get(str(status), UNKNOWN)]
            context.abort(code, str(json.loads(body).get("error", "")))
        return body

    def _request(self, message: bytes, context: grpc.ServicerContext, sock: socket.socket) -> Request:
        told = _told(message, context)
        headers: dict[str, str] = {}
        for key, value in context.invocation_metadata() or ():
            if isinstance(value, str):
                headers[key] = f"{headers[key]}, {value}" if key in headers else value
        left = context.time_remaining()
        if left is not None and left < FOREVER_S:
            headers[TIMEOUT] = str(max(0, int(left * 1000)))
        return Request(told["method"], told["path"], headers, self._service.client(sock))


def _leaving(context: grpc.ServicerContext) -> socket.socket:
    """Return a socket whose other end is closed when the call ends, as a client that disconnects closes its own."""
    ours, theirs = socket.socketpair()
    if not context.add_callback(theirs.close):
        theirs.close()
    return ours


def _told(message: bytes, context: grpc.ServicerContext) -> dict[str, str]:
    """Read a request: an empty message is GET /."""
    try:
        told = {"method": "GET", "path": "/", **(json.loads(message) if message else {})}
        fine = all(isinstance(told[key], str) for key in ("method", "path"))
    except (ValueError, TypeError):
        fine = False
    if not fine:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, 'a request is JSON: {"method": "GET", "path": "/"}')
    return told
