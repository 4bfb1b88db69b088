"""The inlet's only own code inside Envoy: a WebAssembly filter of 280 bytes that breaks a connection off.

Envoy answers 503 where its upstream closed, reset or refused the connection, and offers no setting that passes the
break on instead. The filter is read from reset_filter.wasm; its source is reset_filter.wat.
"""

from __future__ import annotations

from importlib.resources import files

HEADER = "x-testbed-reset"  # a response that carries it is never sent; the connection is closed instead


def reset_filter() -> bytes:
    """Return the module's binary."""
    return files("testbed.envoy").joinpath("reset_filter.wasm").read_bytes()
