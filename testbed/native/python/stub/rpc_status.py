"""The statuses of gRPC, and the HTTP statuses in which a behaviour speaks of them."""

from __future__ import annotations

NAMES = (
    *("OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS"),
    *("PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED"),
    *("INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"),
)
_HTTP = (200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401)
_RPC = {499: 1, 400: 3, 504: 4, 404: 5, 403: 7, 429: 8, 409: 10, 501: 12, 500: 13, 502: 14, 503: 14, 401: 16}
OK, CANCELLED, UNKNOWN = 0, 1, 2


def name_of(status: int) -> str:
    """Return the name of a status."""
    return NAMES[status] if 0 <= status < len(NAMES) else str(status)


def as_http(status: int) -> int:
    """Return the HTTP status that says the same."""
    return _HTTP[status] if 0 <= status < len(_HTTP) else 500


def as_rpc(http: int) -> int:
    """Return the gRPC status that says what an HTTP status says."""
    return OK if http < 400 else _RPC.get(http, UNKNOWN)
