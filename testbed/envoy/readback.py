"""Reads back the configuration of a running Envoy, and returns the first value that differs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from testbed.errors import TestbedError
from testbed.runtime.http import ask

_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?s?")
_FIRST_WORDS = ("ROUND_ROBIN", "STATIC", "DEFAULT", "STRING")  # the zero values of enumerations
_UNWRITTEN: tuple[object, ...] = (None, False, 0, "", [], {}, *_FIRST_WORDS)  # Envoy omits such values


def config_drift(admin: str, config: str) -> str:
    """Return the difference between `config` (JSON text) and the running Envoy, in words; "" if there is none.

    Raises `TestbedError` if it does not answer.
    """
    dumped = _running(admin)["configs"]
    running = next(part["bootstrap"] for part in dumped if "bootstrap" in part)
    return first_difference(json.loads(config)["static_resources"], running["static_resources"])


def _running(admin: str) -> Any:
    complaint = f"the Envoy at {admin} does not return its configuration"
    _, text = ask(admin, "/config_dump", complaint)
    try:
        return json.loads(text)
    except ValueError as problem:
        raise TestbedError(f"{complaint}: {problem!r}") from problem


def first_difference(wanted: Any, found: Any, place: str = "") -> str:
    """Return what is missing in `found`, in words; additional values are no difference."""
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        pairs = [(wanted[key], found.get(key), f"{place}.{key}") for key in wanted]
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        pairs = [(one, other, f"{place}[{n}]") for n, (one, other) in enumerate(zip(wanted, found, strict=True))]
    else:
        same = _plain(wanted) == _plain(found) or (wanted in _UNWRITTEN and found in _UNWRITTEN)
        return "" if same else f"{place.removeprefix('.')} is {found!r}, not {wanted!r}"
    return next((text for one, other, where in pairs if (text := first_difference(one, other, where))), "")


def _plain(value: Any) -> Any:
    """Normalize a value: "0.15s" is "0.150s", 5 is "5", folders are removed."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value.removesuffix("s")), value.endswith("s")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value), False
    return value.rpartition("/")[2] if isinstance(value, str) else value
