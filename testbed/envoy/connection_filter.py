"""The only code of the testbed inside Envoy: a WebAssembly filter of 1.7 KB that closes connections.

Envoy answers 503 if its upstream closes, resets or refuses the connection, and has no setting to close the caller's
connection instead. It also keeps the caller's connection if the upstream closes an idle one, and the upstream's if the
caller goes. With this filter the two end together. It is read from connection_filter.wasm; its source is
connection_filter.wat.
"""

from __future__ import annotations

import base64
from importlib.resources import files

from testbed.envoy.bootstrap import Json, named, typed

RESET = "x-testbed-reset"  # a response with it is not sent; the connection is closed instead
CLOSE = "x-testbed-close"  # in a response of HTTP/1.0: the connection ends with it
CALLER = "testbed.caller"  # the filter state with the number of the caller's connection
HTTP2 = "wasm.http2"  # the filter state of a request in HTTP/1.1 that the app answers in HTTP/2
REFUSED = "wasm.refused"  # the filter state of a request whose connection to the app could not be established
CUT = "wasm.reset"  # the filter state of a request whose connection to the app was reset, not closed


def connection_filter() -> bytes:
    """Return the module's binary."""
    return files("testbed.envoy").joinpath("connection_filter.wasm").read_bytes()


def on_requests() -> Json:
    """Return the HTTP filter."""
    return named("envoy.filters.http.wasm", typed("extensions.filters.http.wasm.v3.Wasm", config=_plugin()))


def on_connections() -> Json:
    """Return the network filter, for connections of callers and for those to apps."""
    kind = "extensions.filters.network.wasm.v3.Wasm"
    return named("envoy.filters.network.wasm", typed(kind, config=_plugin()))


def naming_callers() -> Json:
    """Return the network filter that numbers the connections of callers; it comes before `on_connections`."""
    number = {
        "object_key": CALLER,
        "factory_key": "envoy.string",
        "format_string": {"text_format_source": {"inline_string": "%CONNECTION_ID%"}},
        "shared_with_upstream": "ONCE",
    }
    kind = "extensions.filters.network.set_filter_state.v3.Config"
    return named("envoy.filters.network.set_filter_state", typed(kind, on_new_connection=[number]))


def _plugin() -> Json:
    """The same virtual machine in all places: they share its memory."""
    code = {"local": {"inline_bytes": base64.b64encode(connection_filter()).decode()}}
    return {
        "name": "connections",
        "vm_config": {"vm_id": "connections", "runtime": "envoy.wasm.runtime.v8", "code": code},
    }
