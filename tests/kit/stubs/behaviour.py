"""Behaviour descriptions as the tests write them: what is not said has the contract's default."""

from __future__ import annotations

from typing import Any

from testbed.spec.grpc_status import HTTP, NAMES, OF_HTTP

Json = dict[str, Any]
FAIL: Json = {"kind": "fail", "status": 503, "keep": []}
IGNORE: Json = {"kind": "ignore"}
GRPC: Json = {"names": NAMES, "http": HTTP, "of_http": {str(http): number for http, number in OF_HTTP.items()}}


def call(to: str, *, on_failure: Json | None = None, **fields: Any) -> Json:
    defaults: Json = {"protocol": "http", "method": "GET", "path": "/", "timeout": None, "retries": 0, "pause": 0}
    return {"to": to, **defaults, **fields, "on_failure": on_failure or FAIL}


def static(name: str, answer: Any) -> Json:
    return {"kind": "default", "name": name, "answer": answer}


def stale(name: str) -> Json:
    return {"kind": "stale", "name": name}


def instead(name: str, other: Json) -> Json:
    return {"kind": "call", "name": name, "call": other}


def route(*steps: Json | list[Json], work: dict[str, float] | None = None, status: int = 200, size: int = 0) -> Json:
    """A dict is a step of one call, a list one of calls at once."""
    parallel = [step if isinstance(step, list) else [step] for step in steps]
    return {
        "work": sorted((float(percent), ms) for percent, ms in (work or {}).items()),
        "steps": [{"parallel": calls} for calls in parallel],
        "answer": {"status": status, "bytes": size},
    }


def behaviour(
    *steps: Json | list[Json],
    routes: dict[str, Json] | None = None,
    protocol: str = "http",
    wiring: str = "listener",
    forward: list[str] | None = None,
    concurrency: Json | None = None,
    deadline: str | None = None,
    hang_up: str = "stop",
    grace: float = 0,
    reset: str | None = None,
    **default: Any,
) -> Json:
    return {
        "protocol": protocol,
        "grpc": GRPC,
        "wiring": wiring,
        "forward": forward or [],
        "concurrency": concurrency,
        "deadline": deadline,
        "hang_up": hang_up,
        "grace": grace,
        "reset": reset,
        "default": route(*steps, **default),
        "routes": routes or {},
    }
