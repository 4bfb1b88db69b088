"""Envoy's response flags, and what they say as the outcome codes of the history."""

from __future__ import annotations

from functools import cache

from testbed.history.outcomes import CLIENT_GONE, CONNECT_FAILED, LIMIT, NO_HOST, REFUSED, RESET, TIMEOUT

_CODES = {  # the first that applies counts: what ended it, before what happened on the way
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
    """Return the code of comma-separated flags; "" for none, and for those that say nothing of an end.

    A call that was not `refused` may have the flag of a limit that only forbade a retry: it does not count then.
    """
    said = flags.split(",")
    codes = (code for flag, code in _CODES.items() if flag in said)
    return next((code for code in codes if refused or code not in REFUSED), "")
