"""What the gRPC server and client share: names, and grpcio, the only package that a stub imports."""

from __future__ import annotations

import os

from .behaviour import BadInput

os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # a refused connection is no error of the stub
try:
    import grpc as grpc
except ImportError as error:
    raise BadInput(f"protocol grpc needs the package grpcio: {error}") from None

SERVICE = "testbed.v1.Stub"
CALL = f"/{SERVICE}/Call"
TIMEOUT = "grpc-timeout"  # the header of gRPC itself; grpcio reads and writes it
