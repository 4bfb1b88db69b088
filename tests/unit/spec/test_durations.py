"""Durations as they are written, read and printed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from testbed.spec.durations import format_ms, to_ms, to_positive_ms


@pytest.mark.parametrize(
    ("value", "ms"), [("500ms", 500), ("1.5s", 1500), ("2m", 120_000), ("1h", 3_600_000), (7, 7), (0.5, 0.5), (0, 0)]
)
def test_a_duration_has_a_unit_or_is_milliseconds(value: object, ms: float) -> None:
    assert to_ms(value) == ms


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("500", r"'500' is not a duration: write .* \(did you mean '500ms'\?\)"),
        ("1 s", "'1 s' is not a duration"),
        ("1d", "'1d' is not a duration"),
        ("", "'' is not a duration"),
        (True, "true is not a duration"),
        (None, "None is not a duration"),
        ([], r"\[\] is not a duration"),
        (float("nan"), "nan is not a duration"),
        (float("inf"), "inf is not a duration"),
        (10**400, "1000.* is not a duration"),
        ("9" * 400 + "s", "'9999.* is not a duration"),
        ("-1s", "must not be negative, is '-1s'"),
        (-1, "must not be negative, is -1"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_anything_else_is_not_a_duration(value: object, words: str) -> None:
    with pytest.raises(PydanticCustomError, match=words):
        to_ms(value)


@pytest.mark.parametrize("value", [0, "0ms", 0.0])
def test_zero_is_an_error_that_advises_to_leave_the_key_out(value: object) -> None:
    with pytest.raises(PydanticCustomError, match="must be more than 0"):
        to_positive_ms(value)


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        *((0, "0ms"), (0.25, "0.25ms"), (500, "500ms"), (999.5, "999.5ms"), (1000, "1s"), (1234, "1234ms")),
        *((1250, "1.25s"), (60_000, "1m"), (90_000, "90s"), (120_000, "2m"), (3_600_000, "60m")),
    ],
)
def test_a_duration_is_printed_in_the_best_unit(ms: float, text: str) -> None:
    assert format_ms(ms) == text


@given(ms=st.integers(0, 10**9).map(lambda whole: whole / 100))
@settings(deadline=None, max_examples=40, database=None)
def test_a_printed_duration_reads_back(ms: float) -> None:
    assert to_ms(format_ms(ms)) == pytest.approx(ms, abs=1e-6)
