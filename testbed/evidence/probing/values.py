"""From what was read to a value: a number or a text. Pure."""

from __future__ import annotations

import json
import math
from typing import Literal

from testbed.evidence.probing.exposition import NoValue

MOST_TEXT = 200  # characters of a text that are kept
Output = Literal["output", "exit_code", "lines"]


def parsed(text: str, path: str = "") -> float | str:
    """Return a text as a number if it is one; with `path`, what the JSON in it has there.

    Raises `NoValue` if there is nothing, not a number (NaN), or no such path.
    """
    return _at(text, path) if path else _plain(text)


def _plain(text: str) -> float | str:
    text = text.strip()
    if not text:
        raise NoValue("nothing was said")
    try:
        return finite(float(text))
    except ValueError:
        return text[:MOST_TEXT]


def finite(number: float) -> float:
    """Return the number. Raises `NoValue` for NaN and infinity."""
    if not math.isfinite(number):
        raise NoValue(f"{number} is not a number to compare")
    return number


def _at(text: str, path: str) -> float | str:
    """Return the value at a path such as `pool.idle` or `items.0.count`; a list is its length."""
    try:
        found = json.loads(text)
    except ValueError:
        raise NoValue(f"not JSON: {text[:80]!r}") from None
    for step in path.split("."):
        found = _step(found, step, path)
    if isinstance(found, bool):
        return str(found).lower()
    if isinstance(found, (int, float)):
        return finite(float(found))
    if isinstance(found, list):
        return float(len(found))
    if isinstance(found, str):
        return _plain(found)
    raise NoValue(f"{path!r} is {'null' if found is None else 'an object'}, not a value")


def _step(found: object, step: str, path: str) -> object:
    if isinstance(found, dict) and step in found:
        return found[step]
    if isinstance(found, list) and step.isdecimal() and int(step) < len(found):
        return found[int(step)]
    raise NoValue(f"the JSON has no {path!r}: {step!r} is missing")


def of_command(code: int, out: str, err: str, what: Output, path: str) -> float | str:
    """Return the value of a command. Raises `NoValue` for an exit code other than 0, unless it is the value."""
    if what == "exit_code":
        return float(code)
    if code:
        said = (err or out).strip().splitlines()
        raise NoValue(f"exit code {code}{f': {said[-1]}' if said else ''}"[:MOST_TEXT])
    if what == "lines":
        return float(len([line for line in out.split("\n") if line.strip()]))
    return parsed(out, path)
