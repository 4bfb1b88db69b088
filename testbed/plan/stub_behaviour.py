"""The configuration of a stub: the behaviour of one service as JSON data, with all defaults filled in.

`testbed/native/behaviour.schema.json` says what the data may be; the stubs check nothing but its keys.
"""

from __future__ import annotations

from typing import Any

from testbed.spec import grpc_status
from testbed.spec.calls import Call, Fallback, OnFailure, calls_of
from testbed.spec.services import DEFAULT_ROUTE, Route
from testbed.spec.topology import Topology

Json = dict[str, Any]


def behaviour(topology: Topology, service: str) -> Json:
    """Return the behaviour of a service with its routes. Times are in milliseconds."""
    settings = topology.services[service]
    table = dict(settings.route_table)
    default = table.pop(DEFAULT_ROUTE)
    return {
        "protocol": settings.protocol,
        "grpc": _statuses() if speaks_grpc(topology, service) else None,
        "wiring": "proxy" if settings.outbound == "httpProxy" else "listener",
        "forward": list(
            dict.fromkeys((*topology.forward_headers, *topology.context_headers, *settings.forward_headers))
        ),
        "deadline": settings.deadline,
        "hang_up": "stop" if settings.on_client_disconnect == "cancel" else "continue",
        "grace": settings.termination_grace_period,
        "reset": settings.reset_path,
        "concurrency": settings.concurrency.model_dump() if settings.concurrency else None,
        "default": _route(topology, default),
        "routes": {key: _route(topology, route) for key, route in table.items()},
    }


def speaks_grpc(topology: Topology, service: str) -> bool:
    """Return whether a service is called, or calls, in gRPC."""
    return "grpc" in {topology.services[name].protocol for name in (service, *topology.upstreams(service))}


def _statuses() -> Json:
    """Return what gRPC's statuses mean: `names` and `http` by number, `of_http` the number for an HTTP error."""
    of_http = {str(http): number for http, number in grpc_status.OF_HTTP.items()}
    return {"names": list(grpc_status.NAMES), "http": list(grpc_status.HTTP), "of_http": of_http}


def _route(topology: Topology, route: Route) -> Json:
    return {
        "work": _percentile_points(route.work or {}),
        "steps": [{"parallel": [_call(topology, call) for call in calls_of(step)]} for step in route.calls],
        "answer": {"status": route.answer.status, "bytes": route.answer.bytes},
    }


def _percentile_points(work: dict[str, float]) -> list[tuple[float, float]]:
    """Return (percent, milliseconds) from 0 (p0, default no time) to 100 (p100, default the highest percentile)."""
    if not work:
        return []
    given = {float(key.removeprefix("p")): ms for key, ms in work.items()}
    return sorted(({0.0: 0.0} | given | {100.0: max(given.values())}).items())


def _call(topology: Topology, call: Call) -> Json:
    return {
        "to": call.to,
        "protocol": "grpc"
        if topology.services[call.to].protocol == "grpc"
        else "http",  # the proxy converts it to HTTP/2
        "method": call.method,
        "path": call.path,
        "timeout": call.timeout,
        "retries": call.retry.retries if call.retry else 0,
        "pause": call.retry.pause if call.retry else 0.0,
        "on_failure": _on_failure(topology, call.on_failure),
    }


def _on_failure(topology: Topology, way: OnFailure) -> Json:
    if way == "ignore":
        return {"kind": "ignore"}
    if not isinstance(way, Fallback):
        return {"kind": "fail", "status": way.status, "keep": list(way.keep)}
    if way.call is not None:
        return {"kind": "call", "name": way.fallback, "call": _call(topology, way.call)}
    if way.stale:
        return {"kind": "stale", "name": way.fallback}
    return {"kind": "default", "name": way.fallback, "answer": way.answer}
