"""Writes small flat dataclasses as lines of JSON and reads them back. A line that does not fit is a ValueError."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Generic, TypeVar

from testbed.errors import nearest
from testbed.history.lines import loads

T = TypeVar("T")
Workload = Callable[[object], object]  # a JSON value -> the field's value, or TypeError


@dataclass(frozen=True)
class _Kind(Generic[T]):
    make: Callable[..., T]
    shapes: Mapping[str, Workload]


class Codec(Generic[T]):
    """Writes and reads values of some dataclasses. Each class has its kind in a class variable `type`.

    Fields may be str, int, float, bool, dict, or tuple[str, ...] (also "| None").
    """

    def __init__(self, kinds: Iterable[Any]) -> None:
        self._kinds: dict[str, _Kind[T]] = {
            kind.type: _Kind(kind, {f.name: _shape(f.name, str(f.type)) for f in fields(kind)}) for kind in kinds
        }

    def encode(self, value: Any) -> str:
        """Return one line of JSON, without its newline."""
        names = self._kinds[value.type].shapes
        return json.dumps({"type": value.type} | {name: getattr(value, name) for name in names})

    def decode(self, line: str | bytes) -> T:
        """Return the value of one line. Raises `ValueError` with the reason for a bad line."""
        data = loads(line)
        if not isinstance(data, dict):
            raise ValueError("not a JSON object")
        name = str(data.pop("type", "(no type)"))
        kind = self._kinds.get(name)
        if kind is None:
            raise ValueError(f"unknown event {name!r}{nearest(name, self._kinds)}")
        return _make(name, kind, data)


def _make(name: str, kind: _Kind[T], data: Mapping[str, object]) -> T:
    if unknown := data.keys() - kind.shapes.keys():
        raise ValueError(f"{name} has no field {min(unknown)!r}{nearest(min(unknown), kind.shapes)}")
    try:
        return kind.make(**{field: kind.shapes[field](value) for field, value in data.items()})
    except TypeError as error:
        raise ValueError(f"{name}: {error}") from error


MOST = 10**19  # of any number
UNENDED = "end"  # the only field that may be infinite: a fault that is not healed
NEVER_BELOW_0 = ("duration_ms", "took_ms")

_PLAIN: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (float, int),
    "bool": (bool,),
    "dict[str, object]": (dict,),
    "dict[str, str]": (dict,),
    "dict[str, float]": (dict,),
    "str | None": (str, type(None)),
    "int | None": (int, type(None)),
    "float | None": (float, int, type(None)),
}


_INSIDE = {"dict[str, str]": (str,), "dict[str, float]": _PLAIN["float"]}  # types of the values in it


def _shape(name: str, annotation: str) -> Workload:
    if annotation.startswith("tuple[str, ...]"):
        return lambda value: _strings(name, value, optional=annotation.endswith("None"))
    allowed, inside = _PLAIN[annotation], _INSIDE.get(annotation)

    def plain(value: object) -> object:
        if type(value) not in allowed:
            raise TypeError(f"{name} must be {annotation}, not {value!r}")
        if inside and not all(type(one) in inside for one in value.values()):  # type: ignore[attr-defined]
            raise TypeError(f"{name} must be {annotation}, not {value!r}")
        for number in value.values() if isinstance(value, dict) and inside == _PLAIN["float"] else (value,):
            _in_range(name, number)
        return value

    return plain


def _in_range(name: str, value: object) -> None:
    if not isinstance(value, float | int) or (name == UNENDED and value == float("inf")):
        return
    if not -MOST <= value <= MOST:
        raise TypeError(f"{name} is out of range")
    if name in NEVER_BELOW_0 and value < 0:
        raise TypeError(f"{name} must not be negative, but is {value!r}")


def _strings(name: str, value: object, *, optional: bool) -> tuple[str, ...] | None:
    if value is None and optional:
        return None
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise TypeError(f"{name} must be a list of strings, not {value!r}")
    return tuple(value)
