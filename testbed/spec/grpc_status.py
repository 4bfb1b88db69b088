"""The statuses of gRPC: their names and numbers, and the HTTP statuses that they stand beside."""

from __future__ import annotations

from testbed.errors import nearest

NAMES = (
    *("OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS"),
    *("PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED"),
    *("INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"),
)
"""The name of each status at its number."""

HTTP = (200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401)
"""The HTTP status that says the same as each status, at its number."""

OF_HTTP = {499: 1, 400: 3, 504: 4, 404: 5, 403: 7, 429: 8, 409: 10, 501: 12, 500: 13, 502: 14, 503: 14, 401: 16}
"""The number of the status with which a stub answers where its behaviour says an HTTP error; UNKNOWN for any other."""


def number(name: str) -> int:
    """Return the number of a status. Raises `ValueError`, with the nearest name there is, for any other text."""
    if name not in NAMES:
        hint = nearest(str(name).upper(), NAMES)
        raise ValueError(f"there is no gRPC status {name!r}{hint or ': UNAVAILABLE is one'}")
    return NAMES.index(name)


def name_of(status: int) -> str:
    """Return the name of a status; its number as text where gRPC has none such."""
    return NAMES[status] if 0 <= status < len(NAMES) else str(status)


def nearest_to(http: int) -> str:
    """Return the name of the status that says what an HTTP error says, UNAVAILABLE where none does."""
    found = (name for name, same in zip(NAMES, HTTP, strict=True) if name != "OK" and same == http)
    return next(found, "UNAVAILABLE")


def as_http(status: int) -> int:
    """Return the HTTP status that says the same, as Envoy's outlier detection and Google's APIs map them."""
    return HTTP[status] if 0 <= status < len(HTTP) else 500
