"""Events without secrets: the values of query strings, and of headers that carry a login or a session."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from testbed.history.events import Arrival, Attempt, Call, Request
from testbed.spec import private

Traffic = TypeVar("Traffic", bound=Request | Attempt | Call | Arrival)
_PATHS = ("path", "ended_at")
_HEADERS = ("headers", "keys", "steering", "handed_on")


def without_secrets(event: Traffic, *, queries: bool = False) -> Traffic:
    """Return an event without secrets. `queries`: the values of query strings are kept."""
    changes: dict[str, Any] = {}
    for name in () if queries else _PATHS:
        if "?" in (text := getattr(event, name, "")):
            changes[name] = private.path(text)
    for name in _HEADERS:
        if (pairs := getattr(event, name, ())) and (hidden := private.headers(pairs, queries=queries)) != pairs:
            changes[name] = hidden
    return replace(event, **changes) if changes else event
