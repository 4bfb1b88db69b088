"""The schedule: rates, shares, seeds, and chunks that join without a seam."""

from __future__ import annotations

import re
from collections import Counter
from itertools import islice, pairwise
from statistics import fmean, pvariance

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.errors import TestbedError
from testbed.load.schedule import Schedule, ScheduledRequest
from testbed.load.schedule import requests as endless
from testbed.load.workload import Workload, constant_rate, get, poisson, post

PAGE = get("/checkout")
SHOP = constant_rate(PAGE, rps=100, cohorts={"trondheim": "5%"}, cohort_rps={"trondheim": 50})
rates = st.floats(0.5, 300, allow_nan=False)


def plan(shape: Workload, for_s: float, seed: int = 1) -> list[ScheduledRequest]:
    return Schedule(shape, seed).take(for_s)


def test_a_steady_rate_is_exact() -> None:
    offsets = [request.offset_s for request in plan(constant_rate(PAGE, rps=100), 10)]
    assert offsets == [i / 100 for i in range(1000)]


def test_a_cohort_with_a_rate_of_its_own_comes_on_top() -> None:
    planned = plan(SHOP, 10)
    assert Counter(request.cohort for request in planned) == {"": 1000, "trondheim": 500}
    assert [r.offset_s for r in planned] == sorted(r.offset_s for r in planned)


def test_two_steady_streams_never_send_in_pairs() -> None:
    shape = constant_rate(PAGE, rps=100, cohorts={"a": "5%"}, cohort_rps={"a": 100})
    gaps = [after.offset_s - before.offset_s for before, after in pairwise(plan(shape, 10))]
    assert min(gaps) > 0.003


def test_a_cohort_with_a_rate_of_its_own_sends_nothing_in_the_main_stream() -> None:
    shape = constant_rate(PAGE, rps=100, cohorts={"own": "30%", "shared": "30%"}, cohort_rps={"own": 1})
    count = Counter(request.cohort for request in plan(shape, 70))
    assert count["own"] == 70
    assert count["shared"] == 3000  # 300 of the 700 users of the main stream's 7000 requests


def test_every_user_sends_once_a_round() -> None:
    planned = plan(constant_rate(PAGE, rps=100, users=50, cohorts={"a": "10%"}), 1.5)
    for i in (0, 50, 100):
        assert len({request.user for request in planned[i : i + 50]}) == 50
    assert [r.user for r in planned[:50]] != [r.user for r in planned[50:100]]


@settings(deadline=None)  # a shared machine may be slow
@given(
    users=st.integers(20, 200),
    percents=st.lists(st.integers(5, 40), min_size=1, max_size=2),
    seed=st.integers(0, 2**32),
    window=st.tuples(st.integers(0, 300), st.integers(1, 300)),
)
def test_a_cohorts_share_of_the_requests_is_its_share_of_the_users_at_any_time(
    users: int, percents: list[int], seed: int, window: tuple[int, int]
) -> None:
    shape = constant_rate(PAGE, rps=10, users=users, cohorts={f"c{i}": f"{p}%" for i, p in enumerate(percents)})
    sizes = Counter(shape.population(seed).values())
    start, length = window
    seen = Counter(r.cohort for r in islice(endless(shape, seed), start, start + length))
    for name, size in sizes.items():
        assert abs(seen[name] - length * size / users) <= 2 * len(sizes)


def test_a_cohort_keeps_no_beat() -> None:
    places = [
        i for i, request in enumerate(plan(constant_rate(PAGE, rps=100, cohorts={"a": "5%"}), 60)) if request.cohort
    ]
    assert len(places) == 300
    assert 100 < sum(place % 2 for place in places) < 200


def test_the_same_seed_gives_the_same_schedule_and_another_seed_another() -> None:
    for shape in (SHOP, poisson(PAGE, rps=100)):
        assert plan(shape, 3, seed=5) == plan(shape, 3, seed=5)
        assert [r.user for r in plan(shape, 3, seed=5)] != [r.user for r in plan(shape, 3, seed=6)]
    assert [r.offset_s for r in plan(poisson(PAGE, rps=100), 3, 5)] != [
        r.offset_s for r in plan(poisson(PAGE, rps=100), 3, 6)
    ]


@settings(deadline=None)  # a shared machine may be slow
@given(
    rps=rates,
    cohort_rps=rates,
    lengths=st.lists(st.floats(0.001, 0.7), min_size=1, max_size=12),
    arrivals=st.sampled_from([constant_rate, poisson]),
    seed=st.integers(0, 2**32),
)
def test_chunks_join_without_a_seam(rps: float, cohort_rps: float, lengths: list[float], arrivals, seed: int) -> None:  # type: ignore[no-untyped-def]
    shape = arrivals(PAGE, rps=rps, users=40, cohorts={"a": "20%"}, cohort_rps={"a": cohort_rps})
    schedule, joined = Schedule(shape, seed), []
    for length in lengths:
        start = schedule.elapsed_s
        chunk = schedule.take(length)
        assert all(0 <= request.offset_s < length + 1e-12 for request in chunk)
        joined += [(start + request.offset_s, request.id, request.user) for request in chunk]
    whole = list(islice(endless(shape, seed), len(joined) + 1))
    assert [line[1:] for line in joined] == [(request.id, request.user) for request in whole[:-1]]
    assert [line[0] for line in joined] == pytest.approx([request.offset_s for request in whole[:-1]], abs=1e-9)
    assert whole[-1].offset_s >= schedule.elapsed_s  # nothing was left out


@settings(deadline=None)  # a shared machine may be slow
@given(rps=rates, chunks=st.integers(1, 40))
def test_many_small_chunks_carry_the_rate_over(rps: float, chunks: int) -> None:
    schedule = Schedule(constant_rate(PAGE, rps=rps, users=20), 1)
    count = sum(len(schedule.take(0.1)) for _ in range(chunks))
    assert abs(count - rps * chunks * 0.1) < 1 + 1e-6


def test_poisson_counts_have_the_mean_and_the_variance_of_poisson() -> None:
    rate, seconds = 20.0, 2000
    schedule = Schedule(poisson(PAGE, rps=rate, users=100), 3)
    counts = [len(schedule.take(1.0)) for _ in range(seconds)]
    assert fmean(counts) == pytest.approx(rate, abs=5 * (rate / seconds) ** 0.5)
    assert pvariance(counts) == pytest.approx(rate, rel=5 * (2 / seconds) ** 0.5)  # a steady rate has none


def test_poisson_gaps_are_exponential() -> None:
    offsets = [request.offset_s for request in plan(poisson(PAGE, rps=100), 200)]
    gaps = [after - before for before, after in pairwise(offsets)]
    longer = sum(gap > 0.01 for gap in gaps) / len(gaps)
    assert longer == pytest.approx(0.3679, abs=0.02)  # e ** -1: longer than the mean


def test_requests_carry_their_context() -> None:
    shape = constant_rate(
        post("/cart", body="x", headers={"x-tenant": "no"}),
        rps=100,
        cohorts={"trondheim": "50%"},
        user_headers={"x-user": "{user}", "x-city": "{cohort}", "x-both": "{user}@{cohort}"},
    )
    with_cohort = next(r for r in plan(shape, 1) if r.cohort)
    without = next(r for r in plan(shape, 1) if not r.cohort)
    assert (with_cohort.method, with_cohort.path, with_cohort.body) == ("POST", "/cart", b"x")
    headers = dict(with_cohort.headers)
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", headers.pop("traceparent"))
    assert headers == {
        "x-ot-span-context": with_cohort.id,
        "x-tenant": "no",
        "x-user": with_cohort.user,
        "x-city": "trondheim",
        "x-both": f"{with_cohort.user}@trondheim",
        "x-request-id": with_cohort.id,
        "baggage": f"tb.id={with_cohort.id},tb.user={with_cohort.user},tb.cohort=trondheim",
    }
    assert without.headers["baggage"] == f"tb.id={without.id},tb.user={without.user}"
    assert "x-city" not in without.headers


def test_ids_and_traces_are_unique_and_take_a_prefix() -> None:
    planned = Schedule(SHOP, 1, prefix="t7-").take(10)
    assert planned[0].id == "t7-000001"
    assert len({request.id for request in planned}) == len(planned)
    assert len({request.headers["traceparent"] for request in planned}) == len(planned)
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", request.id) for request in planned)


@pytest.mark.parametrize("for_s", [0, -1, float("nan"), float("inf")])
def test_a_chunk_has_a_length(for_s: float) -> None:
    with pytest.raises(TestbedError, match="for_s="):
        Schedule(SHOP, 1).take(for_s)


def test_a_prefix_fits_into_baggage() -> None:
    with pytest.raises(TestbedError, match="prefix 'a,b'"):
        Schedule(SHOP, 1, prefix="a,b")
