"""The only method of a stub that speaks gRPC, and its messages."""

from __future__ import annotations

import json

CALL = "/testbed.v1.Stub/Call"


def message(method: str, path: str) -> bytes:
    """Return the message that corresponds to an HTTP request with this method and path."""
    return json.dumps({"method": method, "path": path}).encode()
