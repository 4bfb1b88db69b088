"""Durations: "500ms" and "1.5s" in YAML, milliseconds as a float in the model."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from testbed.spec.problems import shown, wrong

UNITS = {"ms": 1.0, "s": 1_000.0, "m": 60_000.0, "h": 3_600_000.0}
_TEXT = re.compile(r"([+-]?[0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")
_HELP = "write a number with a unit, such as 500ms, 1.5s or 2m"


def to_ms(value: object) -> float:
    """Return milliseconds from a string with a unit, or from a number of milliseconds.

    Raises PydanticCustomError for anything else, and for negative and infinite values.
    """
    ms = _number(value) if isinstance(value, int | float) and not isinstance(value, bool) else _parsed(value)
    if not math.isfinite(ms):
        raise wrong(f"{shown(value)} is not a duration: {_HELP}")
    if ms < 0:
        raise wrong(f"must not be negative, is {shown(value)}")
    return ms


def to_positive_ms(value: object) -> float:
    """As `to_ms`, but zero is an error too."""
    ms = to_ms(value)
    if ms == 0:
        raise wrong("must be more than 0 (leave the key out for its default)")
    return ms


def format_ms(ms: float) -> str:
    """Write `ms` with the best unit: 500 is "500ms", 1500 is "1.5s", 120000 is "2m"."""
    unit = "m" if ms and ms % 60_000 == 0 else "s" if ms >= 1_000 and ms % 10 == 0 else "ms"
    return f"{ms / UNITS[unit]:.6f}".rstrip("0").rstrip(".") + unit


def _number(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _parsed(value: object) -> float:
    match = _TEXT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        hint = f" (did you mean '{value}ms'?)" if re.fullmatch(r"[0-9]+", str(value)) else ""
        raise wrong(f"{shown(value)} is not a duration: {_HELP}{hint}")
    return float(match[1]) * UNITS[match[2]]


def _schema(pattern: str, minimum: dict[str, float]) -> dict[str, Any]:
    text = {"type": "string", "pattern": pattern, "examples": ["500ms", "1.5s", "2m"]}
    return {"anyOf": [text, {"type": "number", "description": "Milliseconds.", **minimum}]}


DURATION_SCHEMA = _schema(r"^[0-9]+(\.[0-9]+)?(ms|s|m|h)$", {"minimum": 0})
POSITIVE_SCHEMA = _schema(r"^(?=.*[1-9])[0-9]+(\.[0-9]+)?(ms|s|m|h)$", {"exclusiveMinimum": 0})

Millis = Annotated[float, BeforeValidator(to_ms), WithJsonSchema(DURATION_SCHEMA)]
"""A duration of zero or more."""

PositiveMillis = Annotated[float, BeforeValidator(to_positive_ms), WithJsonSchema(POSITIVE_SCHEMA)]
"""A duration of more than zero."""
