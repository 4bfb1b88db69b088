"""The reset filter does what its source says: Node runs the module, with functions of ours in Envoy's place."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from testbed.envoy.reset_filter import HEADER, reset_filter
from testbed.runtime.tools import binaries

NO_SUCH_HEADER, THERE = 1, 0  # what Envoy answers when it is asked for a header
RESPONSE_HEADERS, RESPONSE = 2, 1
CONTINUE, PAUSE = 0, 1

RUN = """
const module = new WebAssembly.Module(require('fs').readFileSync(0))
const calls = []
const text = (at, size) => Buffer.from(inside.memory.buffer, at, size).toString()
const env = {
  proxy_get_header_map_value: (map, at, size, ...results) => {
    calls.push(['get', map, text(at, size), ...results])
    return Number(process.argv[1])
  },
  proxy_close_stream: (stream) => { calls.push(['close', stream]); return 0 },
}
const inside = new WebAssembly.Instance(module, { env }).exports
inside.proxy_abi_version_0_2_1()
inside.proxy_on_context_create(1, 0)
const action = inside.proxy_on_response_headers(1, 5, 0)
console.log(JSON.stringify({ exports: Object.keys(inside).sort(), calls, action, room: inside.malloc(9) }))
"""


def run(header: int) -> dict[str, Any]:
    """What the filter does with one response, if Envoy answers this when it is asked for the header."""
    words = [binaries.find("node"), "-e", RUN, str(header)]
    done = subprocess.run(words, input=reset_filter(), capture_output=True, timeout=60, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(
    ("header", "closed", "action"), [(NO_SUCH_HEADER, [], CONTINUE), (THERE, [["close", RESPONSE]], PAUSE)]
)
def test_a_response_with_the_header_is_cut_off_and_any_other_goes_on(
    header: int, closed: list[object], action: int
) -> None:
    found = run(header)
    (_, *asked), *others = found["calls"]
    assert asked[:2] == [RESPONSE_HEADERS, HEADER]
    assert (others, found["action"]) == (closed, action)


def test_what_envoy_writes_into_the_filter_lies_over_nothing_else() -> None:
    found = run(THERE)
    value, size = found["calls"][0][3:]  # where Envoy is to write where the value is, and how long it is
    assert sorted([value, size, 16, found["room"]]) == [value, size, 16, found["room"]]
    assert size == value + 4 <= 16 - 4  # two numbers of four bytes before the name, which begins at 16
    assert found["room"] >= 16 + len(HEADER)


def test_envoy_finds_all_that_it_calls() -> None:
    assert run(THERE)["exports"] == [
        "malloc",
        "memory",
        "proxy_abi_version_0_2_1",
        "proxy_on_context_create",
        "proxy_on_response_headers",
    ]
