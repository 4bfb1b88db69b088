"""Work: the same draw for the same request in every language, and as long as it says."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.kit.stubs.behaviour import behaviour, route

pytestmark = pytest.mark.e2e
SKEWED = {"0": 0, "50": 0.5, "90": 1, "99.5": 4, "100": 5}


def fnv1a(data: bytes) -> int:
    h = 2166136261
    for byte in data:
        h = ((h ^ byte) * 16777619) % 2**32
    return h


def mixed(h: int) -> int:
    h ^= h >> 16
    h = h * 0x85EBCA6B % 2**32
    h ^= h >> 13
    h = h * 0xC2B2AE35 % 2**32
    return h ^ h >> 16


def unit(text: str) -> float:
    """Map a text to [0, 1) as the contract says."""
    return mixed(fnv1a(text.encode())) / 2**32


def expected(knots: dict[str, float], text: str) -> float:
    percent = 100 * unit(text)
    points = sorted((float(key), ms) for key, ms in knots.items())
    for (low, less), (high, more) in pairwise(points):
        if low <= percent < high:
            return less + (more - less) * (percent - low) / (high - low)
    raise AssertionError(percent)


def test_the_reference_gives_the_published_values():
    assert [fnv1a(text) for text in (b"", b"a", b"foobar")] == [0x811C9DC5, 0xE40C292C, 0xBF9CF968]
    assert [mixed(number) for number in (0, 1)] == [0, 0x514E28B7]


def test_draws_depend_on_seed_request_service_and_path_and_nothing_else(start):
    told = behaviour(work=SKEWED, routes={"/other": route(work=SKEWED)})
    stubs = {seed: start(told, SEED=seed) for seed in ("7", "-12")}
    for seed, stub in stubs.items():
        for number in range(25):
            for path in ("/buy", "/other"):
                drawn = stub.get(f"{path}?ignored={number}", tag=f"run.1-{number}").body["work"]
                assert drawn == pytest.approx(expected(SKEWED, f"{seed}|run.1-{number}|shop|{path}"), abs=1e-9)


def test_the_name_of_a_request_is_its_tag_or_its_id_or_a_number(start):
    stub = start(behaviour(work=SKEWED))
    answers = [
        stub.get(x_request_id="id-1", baggage="a=b, tb.id=tag-1 ;p=q,tb.user=u"),
        stub.get(x_request_id="id-1", baggage="a=b,xtb.id=c"),
        stub.get(),
        stub.get(),
    ]
    wanted = [expected(SKEWED, f"7|{name}|shop|/") for name in ("tag-1", "id-1", "1", "2")]
    assert [answer.body["work"] for answer in answers] == pytest.approx(wanted, abs=1e-9)


SLOW = behaviour(work={"0": 1, "50": 1, "50.001": 60, "100": 60}, routes={"/fixed": route(work={"0": 5.4, "100": 5.4})})


def test_a_draw_is_slept_through(share):
    """Two kinds of requests, told apart by their names alone."""
    stub = share(SLOW)
    for number in range(12):
        answer = stub.get(tag=f"r{number}")
        slow = unit(f"7|r{number}|shop|/") > 0.5
        assert answer.body["work"] == pytest.approx(60 if slow else 1)
        assert answer.ms >= answer.body["work"]


def test_fixed_work_is_never_cut_short(share):
    stub = share(SLOW)
    assert min(stub.get("/fixed").ms for _ in range(30)) >= 5.4


def test_the_distribution_of_the_reference_is_the_one_asked_for():
    """And so the stubs', which draw what the reference draws."""
    drawn = sorted(expected(SKEWED, f"7|n{number}|shop|/") for number in range(4000))
    assert drawn[2000] == pytest.approx(0.5, abs=0.05)
    assert drawn[3600] == pytest.approx(1, abs=0.2)
    assert drawn[-1] <= 5
