"""Events lose the values of queries, of headers that carry a login, and credentials in texts; the rest stays."""

import base64
from dataclasses import fields, replace
from typing import get_args

import pytest

from testbed.history.events import (
    AnswerBody,
    Arrival,
    Attempt,
    Call,
    Event,
    Evidence,
    ProbeEvent,
    ProbeReading,
    ProcessEvent,
    Request,
    SpanEvent,
)
from testbed.history.private import TEXTS, without_credentials, without_secrets

EVENTS = [
    Request("r", "u", "", 1.0, 1.0, 2.0, 200),
    Attempt("r", "a -> b", "a-1", "b-1", 1, 1.0, 2.0, 200),
    Call("r", "a -> b", "a-1", 1, 1.0, 2.0, 200),
    Arrival("r", "a -> b", "a-1", "b-1", 1, 1.0, 2.0, 200),
]
every = pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)


@every
def test_an_event_without_secrets_is_the_same_object(event):
    plain = replace(event, path="/pay")
    assert without_secrets(plain) is plain


@every
def test_a_query_is_marked_unless_it_was_asked_for(event):
    made = replace(event, path="/pay?card=4711")
    assert without_secrets(made).path.startswith("/pay?card=~")
    assert without_secrets(made, queries=True) is made


def test_every_field_with_headers_is_looked_at():
    secret = ("authorization: Basic abc",)
    call = replace(EVENTS[2], headers=secret, steering=secret, handed_on=secret)
    arrival = replace(EVENTS[3], headers=secret, keys=secret)
    request = replace(EVENTS[0], headers=secret, ended_at="/a?b=abc")
    for event in (call, arrival, request):
        assert "abc" not in str(without_secrets(event))


KNOWN_TEXTS = {
    # names of the testbed, of services, of the test and of headers; figures; ids; times
    "run": {"test", "mesh", "sources", "topology", "versions"},
    "phase": {"name"},
    "request": {"id", "user", "cohort", "method", "fallbacks", "replica", "phase", "outcome", "content_type", "digest"},
    "attempt": {"request", "edge", "caller", "callee", "source", "call", "outcome", "method"},
    "call": {"request", "edge", "caller", "call", "outcome", "content_type", "method"},
    "arrival": {
        *("request", "edge", "caller", "callee", "flags", "fault", "method", "outcome", "content_type", "answered_in")
    },
    "fault": {"id", "name", "plane", "links", "edges", "users", "cohort", "behind"},
    "policy": {"topology"},
    "process": {"process", "event"},
    "pace": {"phase"},
    "evidence": {"source", "edges"},
    "sample": {"source", "edge", "callers", "values"},
    "body": {"digest", "text"},
    "probe": {"name", "unit", "places"},
    "reading": {"probe", "place"},
    "span": {"request", "service", "place", "kind", "span", "parent"},
    "detour": {"caller", "edge", "to"},
}


@pytest.mark.parametrize("kind", get_args(Event), ids=lambda kind: kind.type)
def test_every_field_with_text_is_looked_at_or_known_to_hold_none_from_elsewhere(kind):
    """A new field of an event must be entered in one of these lists."""
    texts = {one.name for one in fields(kind) if "str" in str(one.type) or "dict" in str(one.type)}
    looked_at = {*TEXTS.get(kind, ()), "path", "ended_at", "headers", "keys", "steering", "handed_on"}
    assert texts - looked_at == KNOWN_TEXTS[kind.type]


TOLD = [
    ProcessEvent(1.0, "a-1/app", "died", "sh -c 'run --password abc-secret'", ("sh --token=abc-secret (pid 1)",)),
    Evidence("arrivals", False, "GET http://u:abc-secret@db"),
    ProbeEvent("p", "http_probe('a', '/x?card=abc-secret')", 100.0),
    ProbeReading(1.0, "p", 1.0, text="TOKEN=abc-secret", error="Authorization: Bearer abc-secret"),
    SpanEvent("r", "a", "", "GET", "https://u:abc-secret@b/", "client", 1.0, 1.0, notes=("token='abc-secret'",)),
    AnswerBody("d", 1, '{"password": "abc-secret"}'),
    AnswerBody("d", 1, base64.b64encode(b'\xff{"password": "abc-secret"}').decode(), base64=True),
]


@pytest.mark.parametrize("event", TOLD, ids=[*"1234567"])
def test_credentials_in_texts_are_hidden(event):
    told = without_credentials(event)
    assert b"abc-secret" not in str(told).encode()
    if isinstance(told, AnswerBody) and told.base64:
        assert base64.b64decode(told.text) == b'\xff{"password": "***"}'
    assert without_credentials(told) is told


def test_an_error_of_a_request_and_flags_of_an_app_are_texts_too():
    request = replace(EVENTS[0], error='Get "http://127.0.0.1/pay?card=4711": EOF')
    attempt = replace(EVENTS[1], flags="Bearer abc-secret-1")
    assert "4711" not in without_secrets(request).error
    assert "abc-secret" not in without_secrets(attempt).flags
