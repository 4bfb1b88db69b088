"""Secrets are taken out of what is recorded; names stay, and values that differ stay different."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.spec import private
from testbed.spec.topology import Topology

SECRET = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=12, max_size=20).map(
    "9z{}".format
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/pay", "/pay"),
        ("/pay?", "/pay?"),
        ("/pay?card=", "/pay?card="),
        ("http://u:p@db/x", "http://***@db/x"),
        ("SELECT 1", "SELECT 1"),
    ],
)
def test_a_path_without_values_stays_as_it_is(text, shown):
    assert private.path(text) == shown


def test_the_values_of_a_query_are_marked_and_told_apart():
    one, other = (private.path(f"/pay?card={number}&to=oslo") for number in ("4711", "4712"))
    assert one.startswith("/pay?card=~")
    assert "4711" not in one
    assert one != other
    assert one == private.path("/pay?card=4711&to=oslo")
    assert "secret" not in private.path("/pay?secret")


def test_headers_with_a_login_or_a_session_are_marked_and_others_stay():
    found = private.headers(["Authorization: Bearer abc", "set-cookie: id=abc", "x-tenant: abc", "location: /a?b=abc"])
    assert [one.split(":")[0] for one in found] == ["Authorization", "set-cookie", "x-tenant", "location"]
    assert ["abc" in one for one in found] == [False, False, True, False]
    assert private.headers(["location: /a?b=abc"], queries=True) == ("location: /a?b=abc",)


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (["psql", "--password=abc", "-h", "db"], ["psql", "--password=***", "-h", "db"]),
        (["psql", "--password", "abc", "db"], ["psql", "--password", "***", "db"]),
        (["env", "API_TOKEN=abc", "x"], ["env", "API_TOKEN=***", "x"]),
        (["app", "redis://:abc@r:1/0"], ["app", "redis://***@r:1/0"]),
        (["node", "app.mjs", "--author=x"], ["node", "app.mjs", "--author=***"]),
        (["go", "run", "./auth", "token"], ["go", "run", "./auth", "token"]),
    ],
)
def test_secret_options_of_a_command_are_hidden(command, shown):
    assert private.words(command) == shown


def test_the_secret_values_of_a_process_are_found_by_name_and_by_url():
    env = {"DB_PASSWORD": "hunter22", "URL": "http://ann:opensesame@db", "MODE": "production", "TOKEN": "1"}
    found = private.values(env, ["app", "--api-key", "k-123456"])
    assert set(found) == {"hunter22", "ann:opensesame", "opensesame", "k-123456"} - set()
    assert private.scrubbed("login hunter22 at production", found) == "login *** at production"


@given(SECRET, SECRET, SECRET, SECRET)
def test_no_secret_of_a_topology_is_in_its_record(value, login, option, other):
    """Whatever an env variable is called; in URLs and options of commands by what they say of themselves."""
    services = {
        "shop": {
            "command": ["app", f"--token={option}", "--password", other, f"http://u:{login}@db/"],
            "env": {"MODE": value},
        }
    }
    made = Topology.model_validate({"name": "t", "entry": "shop", "services": services})
    text = json.dumps(made.recorded())
    assert [one for one in (value, login, option, other) if one in text] == []
    assert all(name in text for name in ("MODE", "--token", "--password", "app"))
    assert Topology.model_validate(made.recorded()).services["shop"].env.keys() == {"MODE"}
