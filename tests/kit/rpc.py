"""gRPC with grpcio for tests: a service on one address, a channel to one, and how a call ended. Messages are bytes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import grpc

PATIENCE_S = 60


@dataclass(frozen=True)
class Ended:
    """How a call ended for its client."""

    status: str
    message: bytes
    details: str
    metadata: dict[str, str] = field(hash=False)  # the trailing metadata, as far as it is text
    ms: float

    @property
    def body(self) -> Any:
        """The message as JSON; None if there is none."""
        return json.loads(self.message) if self.message else None


class Service:
    """A server with one service, in threads of this process."""

    def __init__(self, address: str, name: str, handlers: Mapping[str, grpc.RpcMethodHandler]) -> None:
        self._server = grpc.server(ThreadPoolExecutor(32), options=(("grpc.so_reuseport", 0),))
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, handlers),))
        self._server.add_insecure_port(address)
        self._server.start()

    def stop(self) -> None:
        """End it, and every call under way."""
        self._server.stop(None).wait()


class Channel:
    """One client's channel to an address; it never retries by itself."""

    def __init__(self, address: str) -> None:
        options = (("grpc.enable_retries", 0), ("grpc.use_local_subchannel_pool", 1))
        self.channel = grpc.insecure_channel(address, options)

    def unary(self, path: str, message: bytes, timeout_s: float = PATIENCE_S, **metadata: str) -> Ended:
        """Make one call and wait for its end."""
        begun = time.monotonic()
        return ended(self.channel.unary_unary(path).future(message, timeout=timeout_s, metadata=told(metadata)), begun)

    def stream(self, path: str, messages: Iterable[bytes], **metadata: str) -> Any:
        """Begin a stream in both directions; iterate over the answers."""
        return self.channel.stream_stream(path)(iter(messages), timeout=PATIENCE_S, metadata=told(metadata))

    def close(self) -> None:
        """Close it."""
        self.channel.close()


def told(metadata: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return keyword arguments as metadata: `x_user` is x-user."""
    return [(name.replace("_", "-"), value) for name, value in metadata.items()]


def ended(future: Any, begun: float) -> Ended:
    """Wait for the end of a call that began at this monotonic time."""
    failed = future.exception()  # waits
    ms = (time.monotonic() - begun) * 1000
    trailers = {key: value for key, value in future.trailing_metadata() or () if isinstance(value, str)}
    return Ended(future.code().name, b"" if failed else future.result(), future.details() or "", trailers, ms)
