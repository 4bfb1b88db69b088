"""The one method of a stub that speaks gRPC, and its messages."""

from __future__ import annotations

import json

CALL = "/testbed.v1.Stub/Call"


def message(method: str, path: str) -> bytes:
    """Return what asks a stub for what an HTTP request with this method and path would."""
    return json.dumps({"method": method, "path": path}).encode()
