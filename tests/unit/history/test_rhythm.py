"""A series is known by its interval, also where only some of its moments are known."""

from __future__ import annotations

import random

import pytest

from testbed.history.rhythm import in_step, interval_of, is_regular

GRID = [0.05 + 0.13 * k for k in range(30)]


def test_even_intervals_are_regular_and_draws_are_not() -> None:
    draw = random.Random(3)
    assert is_regular(GRID)
    assert not is_regular([draw.uniform(0, 4) for _ in GRID])
    assert not is_regular(GRID[:3])  # too few


def test_the_interval_is_found_where_some_moments_are_not_known() -> None:
    known = [GRID[k] for k in (0, 1, 4, 5, 9, 15, 16, 22)]
    assert interval_of(known, seen_s=1.2) == pytest.approx(0.13)
    assert interval_of(known, seen_s=4.0) == 0  # of 30 such moments most are missing
    assert interval_of(known[:3], seen_s=0.1) == 0


def test_one_moment_between_two_others_makes_no_interval_of_half_the_length() -> None:
    known = [0.0, 0.065, 0.783, 1.303, 1.434, 1.699, 1.828, 1.958, 2.479, 2.609, 2.74, 2.87, 3.0, 3.142]
    assert interval_of(known, seen_s=1.24) == pytest.approx(0.13, rel=0.02)


def test_moments_without_a_rhythm_have_no_interval() -> None:
    draw = random.Random(5)
    assert interval_of([draw.uniform(0, 4) for _ in range(20)], seen_s=2.0) == 0


def test_the_series_goes_on_before_between_and_after_the_known_moments() -> None:
    others = [0.01 + 0.025 * k for k in range(0, 150, 7)]
    found = in_step([GRID[k] for k in (3, 4, 6, 9, 20)], [*GRID, *others], 0.13)
    assert {GRID[k] for k in range(30)} - {GRID[k] for k in (3, 4, 6, 9, 20)} <= found | {GRID[3]}
    assert len(found) <= 30
