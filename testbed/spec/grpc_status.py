"""The gRPC statuses: their names, numbers and corresponding HTTP statuses."""

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
    """Return the number of a status. Raises `ValueError` with the nearest name if the name is unknown."""
    if name not in NAMES:
        hint = nearest(str(name).upper(), NAMES)
        raise ValueError(f"no gRPC status {name!r}{hint or ', such as UNAVAILABLE'}")
    return NAMES.index(name)


def name_of(status: int) -> str:
    """Return the name of a status, or its number as a string if gRPC does not define it."""
    return NAMES[status] if 0 <= status < len(NAMES) else str(status)


def nearest_to(http: int) -> str:
    """Return the name of the gRPC status with which a stub answers for this HTTP error (`OF_HTTP`)."""
    return NAMES[OF_HTTP.get(http, NAMES.index("UNKNOWN"))]


def as_http(status: int) -> int:
    """Return the corresponding HTTP status, as Envoy's outlier detection and Google's APIs map them."""
    return HTTP[status] if 0 <= status < len(HTTP) else 500
