"""The only code of the testbed inside Envoy: a WebAssembly filter of 280 bytes that closes a connection.

Envoy answers 503 if its upstream closes, resets or refuses the connection, and has no setting to close the caller's
connection instead. The filter is read from reset_filter.wasm; its source is reset_filter.wat.
"""

from __future__ import annotations

from importlib.resources import files

HEADER = "x-testbed-reset"  # a response with it is not sent; the connection is closed instead


def reset_filter() -> bytes:
    """Return the module's binary."""
    return files("testbed.envoy").joinpath("reset_filter.wasm").read_bytes()
