"""Envoy's response flags, and their outcome codes in the history."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from testbed.history.events import SWITCHED
from testbed.history.outcomes import (
    BROKEN_OFF,
    CLIENT_GONE,
    CONNECT_FAILED,
    LIMIT,
    NO_HOST,
    PROTOCOL,
    REFUSED,
    RESET,
    TIMEOUT,
)

_CODES = {  # the first match counts: the final cause comes before earlier events
    "UH": NO_HOST,
    "UO": LIMIT,
    "DC": CLIENT_GONE,
    "DR": CLIENT_GONE,
    "UF": CONNECT_FAILED,
    "UT": TIMEOUT,
    "DT": TIMEOUT,
    "SI": TIMEOUT,
    "UMSDR": TIMEOUT,
    "UC": RESET,
    "UR": RESET,
    "LR": RESET,
    "UPE": PROTOCOL,
}
_PARTIAL = dict.fromkeys((TIMEOUT, RESET, PROTOCOL), BROKEN_OFF) | {CLIENT_GONE: CLIENT_GONE}
_AFTER_START = "upstream_reset_after_response_started"  # Envoy's details of an answer that broke off


def is_end(line: Mapping[str, object]) -> bool:
    """Whether a line is the last of its request, and not one of those that Envoy writes while it is under way."""
    return not str(line.get("type", "")).endswith("Periodic")


def flags(text: str | None) -> str:
    """Return the response flags of a log line, "" for Envoy's dash."""
    return "" if text in (None, "-") else str(text)


@cache
def outcome(flags: str, *, refused: bool = True, begun: bool = False, status: int = 0) -> str:
    """Return the code of comma-separated flags; "" for no flags, and for flags without a cause of the end.

    If a call was not `refused`, the flag of a limit only means a forbidden retry and does not count. If an answer had
    `begun`, a flag that ends it means that it broke off. The end of an upgraded connection is no failure.
    """
    if status == SWITCHED:
        return ""
    said = flags.split(",")
    codes = [code for flag, code in _CODES.items() if flag in said and (refused or code not in REFUSED)]
    if not begun:
        return next(iter(codes), "")
    partial = {_PARTIAL[code] for code in codes if code in _PARTIAL}
    return BROKEN_OFF if BROKEN_OFF in partial else next(iter(partial), "")


def has_begun(status: int, grpc: int | None, details: str = "") -> bool:
    """Return whether the answer of a line came from the callee, at least its head. Envoy itself answers with an error.

    To a gRPC call Envoy answers with status 200, so only its details tell.
    """
    return details.startswith(_AFTER_START) or (0 < status < 400 and grpc is None)
