"""What both sides of gRPC share: where a call goes, and grpcio itself, the only package that a stub ever imports."""

from __future__ import annotations

import os

from .behaviour import BadInput

os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # a refused connection is the behaviour under test, no news
try:
    import grpc as grpc
except ImportError as error:
    raise BadInput(f"protocol grpc needs the package grpcio: {error}") from None

SERVICE = "testbed.v1.Stub"
CALL = f"/{SERVICE}/Call"
TIMEOUT = "grpc-timeout"  # gRPC's own header for the caller's deadline, which a library reads and writes itself
