"""Encodes requests in the protocol of the entry, and refuses requests that this protocol does not have. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from testbed.errors import TestbedError
from testbed.load.schedule import ScheduledRequest
from testbed.load.stub_rpc import CALL, message

if TYPE_CHECKING:
    from testbed.load.workload import Workload
    from testbed.spec.topology import Topology


def identity(planned: ScheduledRequest) -> ScheduledRequest:
    """Return the request unchanged."""
    return planned


def as_stub_call(planned: ScheduledRequest) -> ScheduledRequest:
    """Return a request as a call of the only method of a stub."""
    return replace(planned, method="POST", path=CALL, body=message(planned.method, planned.path))


@dataclass(frozen=True, slots=True)
class RequestEncoding:
    """How requests are encoded: the protocol, and the function that encodes one."""

    protocol: str = "http"  # "http", "http2" or "grpc"
    wire: Callable[[ScheduledRequest], ScheduledRequest] = identity


def encoding_for(shape: Workload, topology: Topology) -> RequestEncoding:
    """Return the encoding of a load for the entry of the topology.

    A stub that speaks gRPC accepts any request, as the message of its only method. Raises `TestbedError` for a request
    that the entry's protocol does not have.
    """
    if why := _misfit(shape, topology):
        raise TestbedError(f"a load of {shape.template}: the entry {topology.entry} {why}")
    entry = topology.services[topology.entry]
    return RequestEncoding(entry.protocol, as_stub_call if entry.protocol == "grpc" and not entry.is_own else identity)


def _misfit(shape: Workload, topology: Topology) -> str:
    """Why the entry does not accept these requests, "" if it does."""
    entry, request = topology.services[topology.entry], shape.template
    if entry.protocol != "grpc":
        return f"speaks {entry.protocol} and not gRPC: use get(...) or post(...)" if request.rpc else ""
    if entry.is_own != request.rpc:
        how = "unary('/package.Service/Method')" if entry.is_own else "get('/path'), as to a stub that speaks HTTP"
        return f"speaks gRPC: use {how}"
    if request.body and not entry.is_own:
        return "is a stub that speaks gRPC; its messages have a method and a path, and no body"
    headers = (*request.headers, *shape.user_headers)
    mine = [name for name in headers if name.lower() in ("content-type", "te") or name.lower().startswith("grpc-")]
    return f"speaks gRPC, which sets {mine[0]!r} itself" if mine else ""
