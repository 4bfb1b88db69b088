"""The configuration of a stub: the behaviour of one service as JSON data, with all defaults filled in."""

from __future__ import annotations

from typing import Any

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
        "wiring": settings.wiring,
        "forward": list(dict.fromkeys((*topology.forward, *topology.context, *settings.forward))),
        "deadline": settings.deadline,
        "hang_up": settings.on_hang_up,
        "grace": settings.grace,
        "reset": settings.reset,
        "concurrency": settings.concurrency.model_dump() if settings.concurrency else None,
        "default": _route(topology, default),
        "routes": {key: _route(topology, route) for key, route in table.items()},
    }


def _route(topology: Topology, route: Route) -> Json:
    return {
        "work": percentile_points(route.work) if route.work is not None else None,
        "steps": [{"parallel": [_call(topology, call) for call in calls_of(step)]} for step in route.calls],
        "answer": {"status": route.answer.status, "bytes": route.answer.bytes},
    }


def percentile_points(work: dict[str, float]) -> dict[str, float]:
    """Return percent to milliseconds, from 0 (p0, default no time) to 100 (p100, default the highest percentile)."""
    given = {key.removeprefix("p"): ms for key, ms in work.items()}
    return {"0": 0.0} | given | {"100": given.get("100", max(given.values()))}


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
