"""The connection filter does what its source says: Node runs the module, with functions of ours in Envoy's place."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from testbed.envoy.connection_filter import CALLER, CLOSE, RESET, connection_filter
from testbed.runtime.tools import binaries

CONTINUE, PAUSE = 0, 1
LOCAL, REMOTE = 1, 2  # who closed a connection: Envoy, or the other side
CONNECTION, RESPONSE = 2, 1
OLD, NEW = "HTTP/1.0 200 OK", "HTTP/1.1 200 OK"
FIRST, APP, REQUEST = 11, 12, 13  # contexts: a caller's connection, the one to the app, a request

RUN = """
const module = new WebAssembly.Module(require('fs').readFileSync(0))
const [number, marked, steps] = JSON.parse(process.argv[1])
const calls = []
let now = 0, said = ''
const read = (at, size) => Buffer.from(inside.memory.buffer, at, size).toString()
const give = (text, at, size) => {
  const room = inside.malloc(text.length)
  Buffer.from(inside.memory.buffer).write(text, room)
  const view = new DataView(inside.memory.buffer)
  view.setUint32(at, room, true)
  view.setUint32(size, text.length, true)
  return 0
}
const env = {
  proxy_get_header_map_value: (map, at, size, ...to) =>
    map === 2 && marked && read(at, size) === 'x-testbed-reset' ? give('1', ...to) : 1,
  proxy_add_header_map_value: (map, at, size) => { calls.push(['header', read(at, size)]); return 0 },
  proxy_get_property: (at, size, ...to) =>
    number && read(at, size) === `filter_state\\0${'testbed.caller'}` ? give(number, ...to) : 1,
  proxy_set_property: (at, size) => { calls.push(['property', read(at, size)]); return 0 },
  proxy_get_buffer_bytes: (kind, start, size, ...to) => (said ? give(said.slice(0, size), ...to) : 1),
  proxy_set_effective_context: (context) => { now = context; return 0 },
  proxy_close_stream: (stream) => { calls.push(['close', now, stream]); return 0 },
  proxy_set_tick_period_milliseconds: () => 0,
}
const inside = new WebAssembly.Instance(module, { env }).exports
const results = steps.map(([name, context, ...words]) => {
  now = context
  if (typeof words[0] === 'string') said = words.shift()
  return inside[`proxy_on_${name}`](context, ...words, 0, 0)
})
console.log(JSON.stringify({ exports: Object.keys(inside).sort(), calls, results }))
"""
OPENED = [("new_connection", FIRST), ("request_headers", REQUEST), ("new_connection", APP)]
SENT = [*OPENED, ("downstream_data", APP)]
OVER = [*SENT, ("upstream_data", APP, NEW), ("response_headers", REQUEST), ("log", REQUEST)]


def run(*steps: tuple[object, ...], number: str = "4711", marked: bool = False) -> dict[str, Any]:
    """What the filter does when Envoy calls it so. `marked`: the response has the header that asks for a reset."""
    words = [binaries.find("node"), "-e", RUN, json.dumps([number, marked, steps])]
    done = subprocess.run(words, input=connection_filter(), capture_output=True, timeout=60, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_names_of_the_source_are_those_of_the_configuration() -> None:
    for name in (CALLER, CLOSE, RESET):
        assert name.encode() in connection_filter()


@pytest.mark.parametrize(
    ("steps", "calls"),
    [
        pytest.param(OVER, [], id="nothing ends"),
        pytest.param(
            [*OVER, ("upstream_connection_close", APP)], [["close", FIRST, CONNECTION]], id="the app closes when idle"
        ),
        pytest.param(
            [*OVER, ("downstream_connection_close", APP, LOCAL)], [["close", FIRST, CONNECTION]], id="the app resets"
        ),
        pytest.param(
            [*OVER, ("downstream_connection_close", FIRST, REMOTE)], [["close", APP, CONNECTION]], id="the caller goes"
        ),
        pytest.param([*SENT, ("upstream_connection_close", APP)], [], id="a request is under way"),
        pytest.param(
            [*SENT, ("upstream_connection_close", APP), ("log", REQUEST)], [], id="not while Envoy ends the request"
        ),
        pytest.param(
            [*SENT, ("upstream_connection_close", APP), ("log", REQUEST), ("tick", 1)],
            [["close", FIRST, CONNECTION]],
            id="a moment after the request",
        ),
        pytest.param(
            [
                *SENT,
                ("upstream_connection_close", APP),
                ("log", REQUEST),
                ("downstream_connection_close", FIRST, REMOTE),
                ("tick", 1),
            ],
            [],
            id="both have ended",
        ),
        pytest.param(
            [*SENT, ("upstream_data", APP, OLD), ("response_headers", REQUEST)], [["header", CLOSE]], id="HTTP/1.0"
        ),
        pytest.param([("request_headers", REQUEST), ("log", REQUEST)], [], id="an unknown connection"),
    ],
)
def test_the_connections_of_a_pair_end_together(steps: list[tuple[object, ...]], calls: list[object]) -> None:
    assert run(*steps)["calls"] == calls


def test_a_marked_response_is_cut_off_and_any_other_goes_on() -> None:
    assert run(*SENT, ("response_headers", REQUEST))["results"][-1] == CONTINUE
    found = run(*SENT, ("response_headers", REQUEST), marked=True)
    assert (found["calls"], found["results"][-1]) == ([["close", REQUEST, RESPONSE]], PAUSE)


def test_how_a_connection_to_the_app_failed_is_told() -> None:
    gone: list[tuple[object, ...]] = [("downstream_connection_close", APP, LOCAL), ("response_headers", REQUEST)]
    refused, was_reset = [*OPENED, *gone], [*SENT, *gone]
    closed = [*SENT, ("upstream_connection_close", APP), *gone]
    for steps, said in ((refused, ["refused"]), (was_reset, ["reset"]), (closed, [])):
        told = [["property", name] for name in said]
        assert run(*steps, marked=True)["calls"] == [*told, ["close", REQUEST, RESPONSE]]


def test_where_no_number_is_known_nothing_is_coupled() -> None:
    assert run(*OVER, ("upstream_connection_close", APP), number="")["calls"] == []


def test_envoy_finds_all_that_it_calls() -> None:
    assert [name for name in run()["exports"] if name.startswith("proxy_on_")] == [
        "proxy_on_context_create",
        "proxy_on_downstream_connection_close",
        "proxy_on_downstream_data",
        "proxy_on_log",
        "proxy_on_new_connection",
        "proxy_on_request_headers",
        "proxy_on_response_headers",
        "proxy_on_tick",
        "proxy_on_upstream_connection_close",
        "proxy_on_upstream_data",
    ]
