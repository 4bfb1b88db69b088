"""Values that are known to be secret are in no text, in whatever form it writes them."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.masking.known import Known

SECRET = st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=8, max_size=30)
FORMS = [
    str,
    repr,
    json.dumps,
    lambda value: json.dumps(value, ensure_ascii=False),
    lambda value: quote(value, safe=""),
    lambda value: base64.b64encode(value.encode()).decode(),
]


@settings(deadline=None)  # a shared machine may be slow
@given(SECRET, st.text(max_size=20), st.text(max_size=20))
def test_a_known_secret_is_in_no_text(value, before, after):
    known = Known()
    known.learn([value])
    hidden = "".join(known.in_record(f"{before}{form(value)}{after}") for form in FORMS)
    left = [form(value).strip("\"'") for form in FORMS]
    assert [one for one in left if one in hidden and one.strip("*")] == []


def test_a_short_secret_and_a_public_name_stay_readable():
    known = Known()
    known.learn(["1", "true", "root", "postgres"], public=["shop", "postgres-main"])
    assert known.in_message("postgres-main: root is true, 1 of 1") == "postgres-main: root is true, 1 of 1"


def test_values_that_no_name_calls_secret_are_hidden_from_readers_and_not_from_checks():
    known = Known()
    known.learn(others=["prices of yesterday", "production"])
    assert known.in_record("the prices of yesterday") == "the prices of yesterday"
    assert known.in_message("the prices of yesterday in production") == "the *** in production"


@pytest.mark.parametrize("cut", range(6, 20))
def test_the_beginning_of_a_secret_at_the_end_of_a_cut_text_is_hidden(cut):
    known = Known()
    known.learn(["correct-horse-battery"])
    assert known.in_record("it said " + "correct-horse-battery"[:cut]) == "it said ***"


def test_the_lines_of_a_private_key_are_hidden_one_by_one():
    key = "-----BEGIN-----\nMIIEvQIBADANBgkqhkiG9w0B\nAQEFAASCBKcwggSjAgEAAoIB\n-----END-----"
    known = Known()
    known.learn([key])
    assert known.in_message("read MIIEvQIBADANBgkqhkiG9w0B") == "read ***"
