"""The load's shape: what it accepts, what it refuses and with which words, and who is in which cohort."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.errors import TestbedError
from testbed.load.workload import RequestTemplate, Workload, constant_rate, get, poisson, post, user_ids

PAGE = get("/checkout")


def test_templates_are_values() -> None:
    assert get("/a?b=1", headers={"x-tenant": "oslo"}) == RequestTemplate("GET", "/a?b=1", b"", {"x-tenant": "oslo"})
    assert post("/cart", body="blåbær").body == "blåbær".encode()
    assert post("/cart", body=b"\x00\xff") == RequestTemplate("POST", "/cart", b"\x00\xff")


def test_the_keywords_arrive() -> None:
    shape = constant_rate(
        PAGE,
        rps=100,
        users=200,
        cohorts={"trondheim": "5%", "oslo": "12.5 %"},
        cohort_rps={"oslo": 30},
        user_headers={"x-user": "{user}"},
        timeout_s=3,
    )
    assert shape == Workload(
        PAGE, "constant", 100, 200, {"trondheim": 0.05, "oslo": 0.125}, {"oslo": 30}, {"x-user": "{user}"}, 3
    )


def test_defaults() -> None:
    assert poisson(PAGE, rps=10) == Workload(PAGE, "poisson", 10, 1000, {}, {}, {}, 10)


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"cohorts": {"a": "500%"}}, "500 % is not a share"),
        ({"cohorts": {"a": "-5%"}}, "-5 % is not a share"),
        ({"cohorts": {"a": "0%"}}, "0 % is not a share"),
        ({"cohorts": {"a": 5}}, "write it as '5%'"),
        ({"cohorts": {"a": "five"}}, "write it as '5%'"),
        ({"cohorts": {"a": "60%", "b": "50%"}}, "add up to 110 %"),
        ({"cohorts": {"a": "0.04%"}}, "is no user: use more users"),
        ({"cohorts": {"a": "50%", "b": "50%"}, "users": 3}, "more than 3 users"),
        ({"cohorts": {"a b": "5%"}}, "only letters, digits"),
        ({"cohorts": {"trondheim": "5%"}, "cohort_rps": {"trondhiem": 5}}, "did you mean 'trondheim'?"),
        ({"cohorts": {"a": "5%"}, "cohort_rps": {"a": -5}}, r"cohort_rps\['a'\]=-5"),
        ({"cohorts": {"a": "100%"}, "cohort_rps": {"a": 5}}, "no user is left"),
        ({"rps": -1}, "rps=-1: a rate is"),
        ({"rps": 0}, "rps=0"),
        ({"rps": float("nan")}, "rps=nan"),
        ({"rps": float("inf")}, "rps=inf"),
        ({"rps": "100"}, "rps='100'"),
        ({"rps": True}, "rps=True"),
        ({"rps": 1e9}, "too much for one load driver"),
        ({"users": 0}, "users=0"),
        ({"users": 2.5}, "users=2.5"),
        ({"users": True}, "users=True"),
        ({"timeout_s": 0}, "timeout_s=0"),
        ({"user": 5}, "did you mean 'users'?"),
        ({"user_headers": {"x-user": "{usr}"}}, r"\{usr\} is unknown \(did you mean 'user'\?\)"),
        ({"user_headers": {"x user": "{user}"}}, "not allowed in HTTP"),
        ({"user_headers": {"Baggage": "{user}"}}, "set by the load itself"),
        ({"user_headers": {"x-user": "{user}\r\nevil: 1"}}, "not printable ASCII"),
    ],
)
def test_what_a_load_refuses(keywords: dict[str, Any], words: str) -> None:
    with pytest.raises(TestbedError, match=words):
        constant_rate(PAGE, **{"rps": 100, **keywords})


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: get("checkout"), "write '/checkout'"),
        (lambda: get(""), "begin with '/'"),
        (lambda: get("/a b"), "'/a b' has a character that must be percent-encoded"),
        (lambda: get("/a\r\nevil: 1"), r"evil: 1' has a character"),
        (lambda: get("/a#b"), "'/a#b' has"),
        (lambda: get("/å"), "'/å' has"),
        (lambda: get("/", headers={"traceparent": "1"}), "'traceparent' is set by the load itself"),
        (lambda: get("/", headers={"Content-Length": "1"}), "'Content-Length' is set by the load itself"),
        (lambda: post("/", body={"a": 1}), "encode it first"),  # type: ignore[arg-type]
        (lambda: RequestTemplate("get", "/"), "upper-case"),
        (lambda: constant_rate("/checkout", rps=1), r"takes a request such as get\('/checkout'\)"),  # type: ignore[arg-type]
        (
            lambda: constant_rate(get("/", {"X-User": "1"}), rps=1, user_headers={"x-user": "{user}"}),
            "own headers and in",
        ),
    ],
)
def test_what_a_request_refuses(make: Any, words: str) -> None:
    with pytest.raises(TestbedError, match=words):
        make()


def test_user_ids_are_stable_and_of_one_width() -> None:
    assert user_ids(3) == ["u0001", "u0002", "u0003"]
    assert user_ids(10_000)[0] == "u00001"
    assert len(set(user_ids(10_000))) == 10_000


@settings(deadline=None)  # a shared machine may be slow
@given(users=st.integers(1, 400), percents=st.lists(st.integers(1, 100), max_size=4), seed=st.integers())
def test_cohorts_have_exactly_their_share(users: int, percents: list[int], seed: int) -> None:
    cohorts = {f"c{i}": f"{percent}%" for i, percent in enumerate(percents)}
    sizes = {f"c{i}": round(percent / 100 * users) for i, percent in enumerate(percents)}
    if sum(percents) > 100 or 0 in sizes.values() or sum(sizes.values()) > users:
        with pytest.raises(TestbedError):
            constant_rate(PAGE, rps=1, users=users, cohorts=cohorts)
        return
    population = constant_rate(PAGE, rps=1, users=users, cohorts=cohorts).population(seed)
    assert list(population) == user_ids(users)
    assert Counter(name for name in population.values() if name) == sizes


def test_who_is_in_a_cohort_depends_on_the_seed_alone() -> None:
    def who(seed: int, rps: float = 100) -> set[str]:
        shape = constant_rate(PAGE, rps=rps, cohorts={"trondheim": "5%"})
        return {user for user, cohort in shape.population(seed).items() if cohort}

    assert who(7) == who(7, rps=1)
    assert len(who(7)) == 50
    assert len(who(7) & who(8)) < 20  # two and a half are expected by chance
