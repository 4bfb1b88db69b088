"""Reads the text format of Prometheus and the answers of its HTTP API. Pure.

The format's official parser builds every family of a page. A probe needs the lines of one name, several times a second,
so this reads only these; `tests/unit/evidence/probing/test_exposition.py` compares both.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

_LABEL = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)')
_LABELS = r'(?:[ \t]*\{((?:[^"}\n]|"(?:[^"\\\n]|\\.)*")*)\})?'
_ESCAPES = {"n": "\n", "\\": "\\", '"': '"'}
MOST_SHOWN = 3


class NoValue(Exception):
    """A reading without a value. The message is the reason."""


def metric(text: str, name: str, labels: Mapping[str, str], *, add_up: bool = False) -> float:
    """Return the sample of this name whose labels include the given ones; with `add_up` the sum of several.

    Raises `NoValue` if there is none, or several without `add_up`.
    """
    found = [(has, value) for has, value in samples(text, name) if labels.items() <= has.items()]
    wanted = series(name, labels)
    if not found:
        raise NoValue(f"no sample {wanted}")
    if len(found) > 1 and not add_up:
        shown = ", ".join(series(name, has) for has, _ in found[:MOST_SHOWN])
        raise NoValue(f"{len(found)} samples match {wanted} ({shown}): give more labels, or add_up=True")
    return sum(value for _, value in found)


def samples(text: str, name: str) -> Iterator[tuple[dict[str, str], float]]:
    """Yield labels and value of each sample of a name. Raises `NoValue` for a line that cannot be read."""
    line = re.compile(rf"^{re.escape(name)}{_LABELS}[ \t]+(\S+)", re.MULTILINE)
    for found in line.finditer(text):
        try:
            yield dict(_labels(found[1] or "")), float(found[2])
        except ValueError:
            raise NoValue(f"not a sample of Prometheus: {found[0][:80]!r}") from None


def _labels(text: str) -> Iterator[tuple[str, str]]:
    for found in _LABEL.finditer(text):
        yield found[1], re.sub(r"\\(.)", lambda each: _ESCAPES.get(each[1], each[0]), found[2])


def series(name: str, labels: Mapping[str, str]) -> str:
    """Write a series as Prometheus does: `pool_idle{pool="main"}`."""
    inside = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
    return f"{name}{{{inside}}}" if inside else name


def query_result(text: str) -> float:
    """Return the number in an answer of `/api/v1/query`. Raises `NoValue` unless it is exactly one."""
    try:
        answer = json.loads(text)
        if answer["status"] != "success":
            raise NoValue(str(answer.get("error") or "the query failed"))
        kind, result = answer["data"]["resultType"], answer["data"]["result"]
        values = [result] if kind == "scalar" else [one["value"] for one in result]
        numbers = [float(value) for _, value in values]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise NoValue(f"not an answer of Prometheus: {text[:80]!r}") from None
    if len(numbers) != 1:
        raise NoValue(f"the query gives {len(numbers)} series, a probe needs one: aggregate them, as in sum(...)")
    return numbers[0]
