"""Metadata on every call of a gRPC channel. A separate module, so that only users of gRPC load grpcio."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import grpc


class _Details(NamedTuple):
    """The fields of a call that grpcio needs."""

    method: str
    timeout: float | None
    metadata: tuple[tuple[str, str | bytes], ...]
    credentials: Any
    wait_for_ready: bool | None
    compression: Any


def _intercept(self: Marking, go_on: Callable[[Any, Any], Any], details: Any, sent: Any) -> Any:
    metadata = (*(details.metadata or ()), *self.marks().items())
    more = (getattr(details, name, None) for name in ("credentials", "wait_for_ready", "compression"))
    return go_on(_Details(details.method, details.timeout, metadata, *more), sent)


_alike: Any = _intercept  # for calls of every kind


class Marking(
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamUnaryClientInterceptor,
    grpc.StreamStreamClientInterceptor,
):
    """Adds the headers of `marks` to the metadata of each call."""

    def __init__(self, marks: Callable[[], dict[str, str]]) -> None:
        self.marks = marks

    intercept_unary_unary = _alike
    intercept_unary_stream = _alike
    intercept_stream_unary = _alike
    intercept_stream_stream = _alike
