"""What a stub is told: the behaviour of one service as plain JSON data, with every default filled in."""

from __future__ import annotations

from typing import Any

from testbed.spec.calls import Call, Fallback, OnFailure, calls_of
from testbed.spec.services import DEFAULT_ROUTE, Route
from testbed.spec.topology import Topology

Json = dict[str, Any]


def behaviour(topology: Topology, service: str) -> Json:
    """Return the behaviour of a service, with its routes; times in milliseconds."""
    told = topology.services[service]
    table = dict(told.route_table)
    default = table.pop(DEFAULT_ROUTE)
    return {
        "protocol": told.protocol,
        "wiring": told.wiring,
        "forward": list(dict.fromkeys((*topology.forward, *topology.context, *told.forward))),
        "deadline": told.deadline,
        "hang_up": told.on_hang_up,
        "grace": told.grace,
        "reset": told.reset,
        "concurrency": told.concurrency.model_dump() if told.concurrency else None,
        "default": _route(topology, default),
        "routes": {key: _route(topology, route) for key, route in table.items()},
    }


def _route(topology: Topology, route: Route) -> Json:
    return {
        "work": knots(route.work) if route.work is not None else None,
        "steps": [{"parallel": [_call(topology, call) for call in calls_of(step)]} for step in route.calls],
        "answer": {"status": route.answer.status, "bytes": route.answer.bytes},
    }


def knots(work: dict[str, float]) -> dict[str, float]:
    """Return percent to milliseconds, from 0 (no time, unless p0 is given) to 100 (the highest percentile given)."""
    given = {key.removeprefix("p"): ms for key, ms in work.items()}
    return {"0": 0.0} | given | {"100": given.get("100", max(given.values()))}


def _call(topology: Topology, call: Call) -> Json:
    return {
        "to": call.to,
        "protocol": "grpc" if topology.services[call.to].protocol == "grpc" else "http",  # proxies make HTTP/2 of it
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
