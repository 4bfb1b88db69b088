"""The attributes of Toxiproxy's toxics, checked here because the server checks almost nothing and some values crash it.

Known to crash or hang the server (2.12.0): a bandwidth rate below 0, a slicer with average_size 0, a latency with a
jitter that overflows. A misspelt attribute gives a toxic that does nothing. `checked` refuses all of them.
"""

from __future__ import annotations

from collections.abc import Mapping

from testbed.errors import FaultError, nearest
from testbed.faults.operations import Range, Toxic

HOUR_MS = 3_600_000
STREAMS = ("upstream", "downstream")


KINDS: Mapping[str, Mapping[str, Range]] = {
    "latency": {"latency": Range(0, HOUR_MS, None), "jitter": Range(0, HOUR_MS)},  # ms
    "bandwidth": {"rate": Range(1, 10_000_000, None)},  # KB/s; 0 would be a stall
    "slow_close": {"delay": Range(1, HOUR_MS, None)},  # ms
    "timeout": {"timeout": Range(0, HOUR_MS, None)},  # ms; 0: without an end
    "reset_peer": {"timeout": Range(0, 1_000, None)},  # ms; the server blocks that long when it is removed
    "slicer": {
        "average_size": Range(1, 1_000_000, None),  # bytes
        "size_variation": Range(0, 1_000_000),  # bytes
        "delay": Range(0, 60_000_000),  # microseconds
    },
    "limit_data": {"bytes": Range(0, 10**12, None)},
}


def checked(toxic: Toxic) -> dict[str, int]:
    """Return all attributes of a toxic, defaults included. Raises `FaultError` for bad values."""
    if toxic.kind not in KINDS:
        raise FaultError(f"there is no toxic {toxic.kind!r}{nearest(toxic.kind, KINDS)}")
    if toxic.stream not in STREAMS:
        raise FaultError(f"{toxic.kind}: there is no stream {toxic.stream!r}{nearest(toxic.stream, STREAMS)}")
    ranges = KINDS[toxic.kind]
    for name in toxic.attributes:
        if name not in ranges:
            raise FaultError(f"{toxic.kind} has no attribute {name!r}{nearest(name, ranges)}")
    found = {name: _value(toxic, name, allowed) for name, allowed in ranges.items()}
    _together(toxic.kind, found)
    return found


def _value(toxic: Toxic, name: str, allowed: Range) -> int:
    value = toxic.attributes.get(name, allowed.default)
    if value is None:
        raise FaultError(f"{toxic.kind} needs {name}")
    if type(value) is not int or not allowed.low <= value <= allowed.high:
        raise FaultError(f"{toxic.kind}: {name} is a whole number from {allowed.low} to {allowed.high}, not {value!r}")
    return value


def _together(kind: str, found: Mapping[str, int]) -> None:
    if kind == "latency" and found["jitter"] > found["latency"]:
        raise FaultError("latency: jitter must not be above latency, or a delay could be negative")
    if kind == "slicer" and found["size_variation"] >= found["average_size"]:
        raise FaultError("slicer: size_variation must be below average_size")
