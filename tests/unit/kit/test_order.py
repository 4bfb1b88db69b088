"""The order of the tests: the long ones stand first in the share of each worker, and none is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kit.order import spread


@pytest.mark.parametrize(
    ("long", "rest", "workers", "expected"),
    [
        ("AB", "abcd", 1, "ABabcd"),
        ("AB", "abcd", 2, "AabBcd"),
        ("ABC", "abc", 2, "ABaCbc"),
        ("A", "", 4, "A"),
        ("", "abc", 2, "abc"),
    ],
)
def test_each_share_begins_with_long_ones(long: str, rest: str, workers: int, expected: str) -> None:
    assert "".join(spread(long, rest, workers)) == expected


@given(st.lists(st.integers(0, 99), max_size=20), st.lists(st.integers(100, 199), max_size=40), st.integers(1, 8))
def test_none_is_lost_and_the_rest_keeps_its_order(long: list[int], rest: list[int], workers: int) -> None:
    ordered = spread(long, rest, workers)
    assert [item for item in ordered if item < 100] == long
    assert [item for item in ordered if item >= 100] == rest
