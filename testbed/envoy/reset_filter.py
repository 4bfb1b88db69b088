"""The inlet's only own code inside Envoy: a WebAssembly filter of 280 bytes that breaks a connection off.

Envoy answers 503 where its upstream closed, reset or refused the connection, and offers no setting that passes the
break on instead. In WebAssembly text, what is assembled here is:

```
(import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_close_stream" (func $close (param i32) (result i32)))
(memory (export "memory") 1)
(data (i32.const 16) "x-testbed-reset")
(func (export "proxy_abi_version_0_2_1"))
(func (export "malloc") (param i32) (result i32) (i32.const 1024))
(func (export "proxy_on_context_create") (param i32 i32))
(func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
  (if (result i32) (call $get (i32.const 2) (i32.const 16) (i32.const 15) (i32.const 0) (i32.const 4))
    (then (i32.const 0))                                    ;; no such header: continue
    (else (drop (call $close (i32.const 1))) (i32.const 1))))  ;; reset the stream, send nothing
```

Source of names and numbers: the Proxy-Wasm ABI specification, version 0.2.1 (map 2 is the response headers, stream 1
the response, action 1 pause); of the encoding: the WebAssembly core specification 1.0, section 5.
"""

from __future__ import annotations

from collections.abc import Iterable

HEADER = "x-testbed-reset"  # a response that carries it is never sent; the connection is closed instead

_I32 = 0x7F
_AT, _VALUE_AT, _SIZE_AT, _BUFFER = 16, 0, 4, 1024  # where things are in the module's memory
_RESPONSE_HEADERS, _RESPONSE_STREAM, _CONTINUE, _PAUSE = 2, 1, 0, 1
_GET, _CLOSE = 0, 1  # function indexes: imports come first


def reset_filter() -> bytes:
    """Return the module's binary."""
    types = [_signature(5, 1), _signature(1, 1), _signature(0, 0), _signature(2, 0), _signature(3, 1)]
    imports = [_import("proxy_get_header_map_value", 0), _import("proxy_close_stream", 1)]
    names = ["proxy_abi_version_0_2_1", "malloc", "proxy_on_context_create", "proxy_on_response_headers"]
    exports = [_name("memory") + b"\x02\x00", *(_name(n) + b"\x00" + _leb(i) for i, n in enumerate(names, 2))]
    bodies = [b"", _constant(_BUFFER), b"", _on_response_headers()]
    data = b"\x00" + _constant(_AT) + b"\x0b" + _name(HEADER)
    sections = {1: types, 2: imports, 3: [_leb(i) for i in (2, 1, 3, 4)], 5: [b"\x00\x01"], 7: exports}
    sections |= {10: [_sized(b"\x00" + body + b"\x0b") for body in bodies], 11: [data]}
    return b"\0asm\1\0\0\0" + b"".join(bytes([number]) + _sized(_vector(items)) for number, items in sections.items())


def _on_response_headers() -> bytes:
    ask = b"".join(map(_constant, (_RESPONSE_HEADERS, _AT, len(HEADER), _VALUE_AT, _SIZE_AT))) + _call(_GET)
    close = _constant(_RESPONSE_STREAM) + _call(_CLOSE) + b"\x1a" + _constant(_PAUSE)
    return ask + bytes([0x04, _I32]) + _constant(_CONTINUE) + b"\x05" + close + b"\x0b"


def _signature(parameters: int, results: int) -> bytes:
    return b"\x60" + _vector([bytes([_I32])] * parameters) + _vector([bytes([_I32])] * results)


def _import(name: str, signature: int) -> bytes:
    return _name("env") + _name(name) + b"\x00" + _leb(signature)


def _call(function: int) -> bytes:
    return b"\x10" + _leb(function)


def _constant(value: int) -> bytes:
    return b"\x41" + _leb(value, signed=True)


def _name(text: str) -> bytes:
    return _sized(text.encode())


def _vector(items: Iterable[bytes]) -> bytes:
    listed = list(items)
    return _leb(len(listed)) + b"".join(listed)


def _sized(data: bytes) -> bytes:
    return _leb(len(data)) + data


def _leb(value: int, *, signed: bool = False) -> bytes:
    """LEB128 of a number that is not negative; a signed one keeps its sixth bit clear in the last byte."""
    out, limit = bytearray(), 0x40 if signed else 0x80
    while value >= limit:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
