"""Events of traffic lose the values of queries and of headers that carry a login; everything else stays."""

from dataclasses import replace

import pytest

from testbed.history.events import Arrival, Attempt, Call, Request
from testbed.history.private import without_secrets

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
