"""Envoy's response flags, and their outcome codes in the history."""

from __future__ import annotations

from functools import cache

from testbed.history.outcomes import CLIENT_GONE, CONNECT_FAILED, LIMIT, NO_HOST, REFUSED, RESET, TIMEOUT

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
}


def flags(text: str | None) -> str:
    """Return the response flags of a log line, "" for Envoy's dash."""
    return "" if text in (None, "-") else str(text)


@cache
def outcome(flags: str, *, refused: bool = True) -> str:
    """Return the code of comma-separated flags; "" for no flags, and for flags without a cause of the end.

    If a call was not `refused`, the flag of a limit only means a forbidden retry and does not count.
    """
    said = flags.split(",")
    codes = (code for flag, code in _CODES.items() if flag in said)
    return next((code for code in codes if refused or code not in REFUSED), "")
