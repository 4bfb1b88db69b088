"""Read BEHAVIOUR. The testbed checks what it writes against `behaviour.schema.json`; a stub checks the keys alone."""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    Json = dict[str, Any]

TOP = "protocol grpc wiring forward concurrency deadline hang_up grace reset default routes"
CALL = "to protocol method path timeout retries pause on_failure"
ON_FAILURE = {"fail": "status keep", "ignore": "", "default": "name answer", "stale": "name", "call": "name call"}


class BadInput(Exception):
    """The stub cannot start with its environment; the text is one line for the user."""


def read(text: str) -> Json:
    """Return the behaviour. Raises `BadInput` for a key that is unknown or missing."""
    try:
        behaviour: Json = json.loads(text)
        for value, keys in _objects(behaviour):
            if wrong := value.keys() ^ set(keys.split()):
                raise BadInput(f"BEHAVIOUR: unknown or missing: {', '.join(sorted(wrong))}")
    except (ValueError, TypeError, AttributeError, LookupError) as error:
        raise BadInput(f"BEHAVIOUR cannot be read: {error!r}") from None
    return behaviour


def called(behaviour: Json) -> dict[str, str]:
    """Return the names of all upstreams that a behaviour can call, each with the protocol of the call."""
    return {call["to"]: call["protocol"] for route in _routes(behaviour) for call in _calls(route)}


def _objects(behaviour: Json) -> Iterator[tuple[Json, str]]:
    """Yield every object with the keys that it must have, outer ones first."""
    yield behaviour, TOP
    if (grpc := behaviour["grpc"]) is not None:
        yield grpc, "names http of_http"
    if (concurrency := behaviour["concurrency"]) is not None:
        yield concurrency, "limit queue shed"
    for route in _routes(behaviour):
        yield route, "work steps answer"
        yield route["answer"], "status bytes"
        yield from ((step, "parallel") for step in route["steps"])
        for call in _calls(route):
            yield call, CALL
            yield call["on_failure"], f"kind {ON_FAILURE[call['on_failure']['kind']]}"


def _routes(behaviour: Json) -> list[Json]:
    return [behaviour["default"], *behaviour["routes"].values()]


def _calls(route: Json) -> Iterator[Json]:
    """Yield every call of a route, those that replace a failed call included."""
    calls = [call for step in route["steps"] for call in step["parallel"]]
    for call in calls:
        yield call
        if (other := call["on_failure"].get("call")) is not None:
            calls.append(other)
