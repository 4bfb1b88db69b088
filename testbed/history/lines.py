"""Reads one line of JSON that anybody may have written. A line that cannot be read is a ValueError."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

DEEPEST = 100  # objects and lists inside each other
_HALF = re.compile("[\ud800-\udfff]")


def loads(line: str | bytes) -> Any:
    """Return the value of a line of JSON. NaN is refused, and half of a surrogate pair becomes U+FFFD.

    `Infinity` is read: a fault that is not healed has no other end.
    """
    text = line if isinstance(line, str) else line.decode(json.detect_encoding(line), "surrogatepass")
    try:
        value = _DECODER.decode(text)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if text.count("{") + text.count("[") > DEEPEST and is_deeper_than(value, DEEPEST):
        raise ValueError("nested too deep")
    return value if _is_writable(text) else json.loads(_HALF.sub("\ufffd", json.dumps(value, ensure_ascii=False)))


def is_deeper_than(value: object, most: int) -> bool:
    """Whether objects and lists are inside each other more than this often."""
    level = [value]
    for _ in range(most):
        level = [inner for one in level for inner in _inside(one)]
        if not level:
            return False
    return True


def _inside(value: object) -> Iterator[object]:
    if isinstance(value, dict | list):
        yield from value.values() if isinstance(value, dict) else value


def _is_writable(line: str) -> bool:
    """Whether a line cannot have half of a surrogate pair: JSON writes one as an escape."""
    return "\\ud" not in line and "\\uD" not in line


def _constant(name: str) -> float:
    if name != "Infinity":
        raise ValueError(f"{name} is not a number")
    return float("inf")


_DECODER = json.JSONDecoder(parse_constant=_constant)  # made once: a line of a log is read in microseconds
