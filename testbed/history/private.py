"""Events without secrets: values of queries, of headers with a login or a session, and credentials in any text."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from testbed.history.events import (
    AnswerBody,
    Arrival,
    Attempt,
    Call,
    Event,
    Evidence,
    FaultEvent,
    PolicyEvent,
    ProbeEvent,
    ProbeReading,
    ProcessEvent,
    Request,
    SpanEvent,
)
from testbed.masking.known import KNOWN
from testbed.spec import private

Traffic = TypeVar("Traffic", bound=Request | Attempt | Call | Arrival)
_PATHS = ("path", "ended_at")
_HEADERS = ("headers", "keys", "steering", "handed_on")
TEXTS: Mapping[type[Any], tuple[str, ...]] = {
    Request: ("error",),
    Attempt: ("flags",),
    Call: ("flags",),
    ProcessEvent: ("detail", "left"),
    FaultEvent: ("text",),
    PolicyEvent: ("text",),
    Evidence: ("missing",),
    ProbeEvent: ("text",),
    ProbeReading: ("text", "error"),
    SpanEvent: ("name", "text", "why", "notes"),
}
"""The fields that hold a text from elsewhere, besides paths, headers, bodies and topologies."""


def without_secrets(event: Traffic, *, queries: bool = False) -> Traffic:
    """Return an event without secrets. `queries`: the values of query strings are kept."""
    changes: dict[str, Any] = _texts(event, queries)
    for name in () if queries else _PATHS:
        if "?" in (text := getattr(event, name, "")):
            changes[name] = private.path(text)
    for name in _HEADERS:
        if (pairs := getattr(event, name, ())) and (hidden := private.headers(pairs, queries=queries)) != pairs:
            changes[name] = hidden
    return replace(event, **changes) if changes else event


def without_credentials(event: Event, *, queries: bool = False) -> Event:
    """Return an event that is no traffic without credentials in its texts; traffic was read without them."""
    if isinstance(event, Request | Attempt | Call | Arrival):
        return event
    if isinstance(event, AnswerBody):
        hidden = _body(event, queries)
        return event if hidden == event.text else replace(event, text=hidden)
    changes = _texts(event, queries)
    return replace(event, **changes) if changes else event


def _texts(event: Event, queries: bool) -> dict[str, Any]:
    """Return the texts of an event that change."""
    found = {name: value for name in TEXTS.get(type(event), ()) if (value := getattr(event, name))}
    hidden = {name: _hidden(value, queries) for name, value in found.items()}
    return {name: value for name, value in hidden.items() if value != found[name]}


def _hidden(value: str | tuple[str, ...], queries: bool) -> str | tuple[str, ...]:
    if isinstance(value, tuple):
        return tuple(KNOWN.in_record(one, queries=queries) for one in value)
    return KNOWN.in_record(value, queries=queries)


def _body(body: AnswerBody, queries: bool) -> str:
    if not body.base64:
        return KNOWN.in_record(body.text, queries=queries)
    inside = base64.b64decode(body.text).decode("utf-8", "surrogateescape")
    hidden = KNOWN.in_record(inside, queries=queries)
    return body.text if hidden == inside else base64.b64encode(hidden.encode("utf-8", "surrogateescape")).decode()
