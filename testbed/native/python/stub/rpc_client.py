"""Calls over gRPC, with grpcio: one channel for each "ip:port"; messages are JSON."""

from __future__ import annotations

import json
import select
import socket
import threading
import time

from .client import Cancelled
from .rpc import CALL, TIMEOUT, grpc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .client import Client

    Call = grpc.UnaryUnaryMultiCallable[bytes, bytes]

RECONNECT = (("grpc.initial_reconnect_backoff_ms", 20), ("grpc.max_reconnect_backoff_ms", 500))
ONE_TRY = (("grpc.enable_retries", 0), ("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0))

_channels: dict[str, Channel] = {}
_lock = threading.Lock()


def channel(host: str, name: str) -> Channel:
    """Return the channel to the service `name` at "ip:port"."""
    with _lock:
        if host not in _channels:
            _channels[host] = Channel(host, name)
        return _channels[host]


class Channel:
    """Unary calls to one address, each of which is one try."""

    def __init__(self, host: str, name: str) -> None:
        options = (*RECONNECT, *ONE_TRY, ("grpc.default_authority", name))
        self._call: Call = grpc.insecure_channel(host, options).unary_unary(CALL)

    def exchange(
        self, method: str, path: str, headers: dict[str, str], client: Client, deadline: float | None
    ) -> tuple[int, dict[str, str], bytes]:
        """Send one request and return status, trailers and message. Raises `Cancelled` if the client disconnects."""
        message = json.dumps({"method": method, "path": path}).encode()
        metadata = tuple((name, value) for name, value in headers.items() if name != TIMEOUT)
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        future = self._call.future(message, timeout=left, metadata=metadata)
        try:
            _wait(future, client)
        except Cancelled:
            future.cancel()
            raise
        status = int(future.code().value[0])
        trailers = {key: value for key, value in future.trailing_metadata() or () if isinstance(value, str)}
        return status, trailers, b"" if status else future.result()


def _wait(future: grpc.Future[bytes], client: Client) -> None:
    ours, theirs = socket.socketpair()
    with ours:
        future.add_done_callback(lambda _: theirs.close())
        client.wait_for(ours, select.POLLIN, None)
