"""An OTLP receiver for the time of a run: HTTP (protobuf or JSON) and gRPC, at an address of the mesh."""

from __future__ import annotations

import gzip
import http.server
import io
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

from testbed.errors import TestbedError, Unavailable
from testbed.evidence.telemetry import spans
from testbed.evidence.telemetry.spans import Received
from testbed.plan.telemetry import DELAY_MS, GRPC_PORT, HTTP_PORT

MOST_SPANS = 20_000  # of one load; later ones are counted
MOST_BYTES = 4 * 1024 * 1024  # of one export, unpacked
PATH, METHOD = "/v1/traces", "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
STEP_S = 0.05  # between two looks whether it must end
IDLE_S = 30.0  # a connection without a request is closed then
QUIET_S, SETTLE_S = 5 * DELAY_MS / 1000, 3.0  # the last exports: so long none, and the longest wait for them
MISSING = (
    "telemetry: otlp needs the package opentelemetry-proto: pip install 'pytest-testbed[otel]', or leave the key out"
)


class SpanReceiver:
    """Receives spans from `open` to `close`, and keeps those since the last `begin`, within bounds."""

    def __init__(self, host: str, http_port: int = HTTP_PORT, grpc_port: int = GRPC_PORT) -> None:
        """Listen on both ports. Raises `Unavailable` without the package, `TestbedError` if a port is in use."""
        try:
            import opentelemetry.proto.collector.trace.v1.trace_service_pb2  # noqa: F401
        except ImportError:
            raise Unavailable(MISSING) from None
        self._lock = threading.Lock()
        self._spans: list[Received] = []
        self.dropped = 0
        self._last = 0.0
        with ExitStack() as undo:
            try:
                self._http = _Http((host, http_port), self.take)
                undo.callback(self._http.server_close)
                self._grpc, self.grpc_port = _grpc_server(f"{host}:{grpc_port}", self.take)
            except (OSError, RuntimeError) as error:
                raise TestbedError(f"cannot receive telemetry at {host}: {error}") from error
            undo.pop_all()
        threading.Thread(target=self._http.serve_forever, args=(STEP_S,), name="testbed-otlp", daemon=True).start()

    @property
    def http_port(self) -> int:
        """The port of OTLP over HTTP."""
        return int(self._http.server_address[1])

    def begin(self) -> None:
        """Forget everything so far."""
        with self._lock:
            self._spans, self.dropped = [], 0

    def take(self, found: list[Received]) -> None:
        """Keep these spans, as far as there is room."""
        with self._lock:
            room = max(0, MOST_SPANS - len(self._spans))
            self._spans += found[:room]
            self.dropped += len(found[room:])
            self._last = time.monotonic()

    def settled(self) -> list[Received]:
        """Wait until services have exported their last spans, but not for long; return all that are kept."""
        begun = time.monotonic()
        while (now := time.monotonic()) < begun + SETTLE_S and now < max(begun, self._last) + QUIET_S:
            time.sleep(DELAY_MS / 2000)
        with self._lock:
            return list(self._spans)

    def close(self) -> None:
        """Listen no longer."""
        self._http.shutdown()
        self._http.server_close()
        self._grpc.stop(None)


Take = Callable[[list[Received]], None]


class _Http(http.server.ThreadingHTTPServer):
    """OTLP over HTTP."""

    daemon_threads, block_on_close, request_queue_size = True, False, 128

    def __init__(self, address: tuple[str, int], take: Take) -> None:
        self.take = take
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a service that died in an export is no news."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version, timeout, disable_nagle_algorithm = "HTTP/1.1", IDLE_S, True
    server: _Http

    def do_POST(self) -> None:
        """Take an export of spans; metrics and logs are accepted and not kept."""
        is_json = (self.headers["content-type"] or "").startswith("application/json")
        try:
            data = self._body()
            if self.path.split("?")[0] == PATH:
                self.server.take(spans.from_json(data) if is_json else spans.from_protobuf(data))
        except (ValueError, EOFError, OSError) as error:
            self.close_connection = True
            return self._answer(400, str(error).encode(), "text/plain")
        self._answer(200, b"{}" if is_json else b"", "application/json" if is_json else "application/x-protobuf")

    def _body(self) -> bytes:
        length = int(self.headers["content-length"] or -1)
        if not 0 <= length <= MOST_BYTES:
            raise ValueError(f"an export has a content-length of at most {MOST_BYTES}")
        data = self.rfile.read(length)
        if self.headers["content-encoding"] == "gzip":
            data = gzip.GzipFile(fileobj=io.BytesIO(data)).read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise ValueError(f"an export has at most {MOST_BYTES} bytes")
        return data

    def _answer(self, status: int, text: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def _grpc_server(address: str, take: Take) -> tuple[Any, int]:
    """Return a started server of OTLP over gRPC, and its port. Raises `RuntimeError` if the port is in use."""
    import grpc

    def export(data: bytes, context: Any) -> bytes:
        try:
            take(spans.from_protobuf(data))
        except ValueError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        return b""

    service, method = METHOD[1:].split("/")
    handler: Any = grpc.unary_unary_rpc_method_handler(export)  # bytes in, bytes out
    options = [("grpc.max_receive_message_length", MOST_BYTES), ("grpc.so_reuseport", 0)]
    server = grpc.server(ThreadPoolExecutor(2, "testbed-otlp"), options=options)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, {method: handler})])
    port = server.add_insecure_port(address)
    server.start()
    return server, port
