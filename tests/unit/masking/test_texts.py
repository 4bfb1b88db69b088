"""Credentials are hidden wherever a text shows them; the rest of the text stays."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.masking.names import is_secret_header, is_secret_name
from testbed.masking.texts import without_credentials

VALUE = "hunter22.xyz"


@pytest.mark.parametrize(
    "text",
    [
        "cannot reach postgres://ann:{}@db:5432/shop",
        "https://{}@github.example/x",
        "Authorization: Bearer {}",
        '{{"authorization": "Bearer {}", "host": "a"}}',
        "{{'Cookie': 'id={}'}}",
        r"{{\"set-cookie\": \"id={}\"}}",
        "['authorization', 'Basic {}']",
        "DB_PASSWORD={}",
        "'API_KEY': '{}'",
        '"access_token":"{}"',
        "psql --password {} -h db",
        "psql --password={} -h db",
        "GET /pay?card={}&to=oslo HTTP/1.1",
        'GET "http://127.0.0.1:80/pay?a=1&card={}": EOF',
    ],
)
def test_a_credential_is_hidden_and_its_name_stays(text):
    hidden = without_credentials(text.format(VALUE))
    assert "hunter22" not in hidden
    assert hidden.split(VALUE)[0][:4] == text.format(VALUE)[:4]


@pytest.mark.parametrize(
    "text",
    [
        "pricing-1/app ended before it was ready (exit code 1)",
        "unexpected token: expected an identifier, not 'x'",
        "basic authentication is off; the bearer of news",
        "http://127.0.0.1:8080/pay and ann@example.org",
        "did you mean 'token'? (valid: a, b)",
        "availability(at_least_percent=99).during('hold')",
        "at_most_once('a -> b', key='idempotency-key')",
        "author=ann key=12",
        "a ? b=c : d",
        "TOKEN=",
    ],
)
def test_other_text_stays(text):
    assert without_credentials(text) == text


def test_values_of_queries_are_told_apart_and_kept_on_request():
    one, other = (without_credentials(f"GET /pay?card={number}") for number in (4711, 4712))
    assert one.startswith("GET /pay?card=~")
    assert one != other
    assert without_credentials("GET /pay?card=4711", queries=True) == "GET /pay?card=4711"


pieces = st.sampled_from(
    ["Authorization: ", "password=", "://", "@", "?a=", "&b=", "'", '"', "\\", "\n", " ", "Bearer "]
)


@settings(deadline=None)  # a shared machine may be slow
@given(st.lists(st.one_of(pieces, st.text(max_size=8))).map("".join))
def test_what_was_hidden_stays_as_it_is(text):
    once = without_credentials(text)
    assert without_credentials(once) == once


@pytest.mark.parametrize(
    "name", ["DB_PASSWORD", "STRIPE_KEY", "DSN", "dbPwd", "--api-key", "GITHUB_TOKEN", "authToken"]
)
def test_names_of_secrets(name):
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["KEYCLOAK_URL", "PWD", "AUTHOR", "MODE", "PATH", "MONKEY", "--compass"])
def test_names_of_other_values(name):
    assert not is_secret_name(name)


def test_a_header_named_key_is_no_credential_of_itself():
    assert not is_secret_header("idempotency-key")
    assert is_secret_header("X-Api-Key")


def test_a_mark_is_not_marked_again_and_a_sentence_keeps_its_commas() -> None:
    once = without_credentials("request r1 (GET /pay?card=4711, user u1): /a?b=4711; see (/c?d=4711).")
    assert once.count("~") == 3
    assert len({part[:6] for part in once.split("~")[1:]}) == 1
    assert ", user u1): /a" in once
    assert once.endswith(").")
    assert without_credentials(once) == once
