"""Anybody may have written a history: it is read, or refused with file and line."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.errors import TestbedError
from testbed.history.events import Event
from testbed.history.file import History
from testbed.history.format import FIRST_LINE
from testbed.history.lines import DEEPEST, loads
from tests.kit.examples import examples

GOOD = {
    "phase": {"name": "hold", "start": 1.0, "end": 2.0},
    "sample": {"at": 1.0, "source": "s", "values": {"a": 1.0}},
    "call": {"request": "r", "edge": "a -> b", "caller": "a-1", "attempts": 1, "start": 1.0, "duration_ms": 1.0},
}
ANY = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=3) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=4,
)
LINE = st.builds(
    lambda kind, change: json.dumps({"type": kind, **GOOD.get(kind, {}), **change}).encode(),
    st.sampled_from([kind.type for kind in get_args(Event)]),
    st.dictionaries(
        st.sampled_from(sorted({one.name for kind in get_args(Event) for one in fields(kind)})), ANY, max_size=3
    ),
)


def reads(path: Path, *lines: bytes) -> None:
    """Read a history: events that can be written again and indexed, or one error with file and line."""
    path.write_bytes(b"\n".join([FIRST_LINE.encode(), *lines]))
    said = str(path)
    try:
        history = History.read(path)
    except TestbedError as error:
        said = str(error)
    else:
        history.write(path)
        assert [*map(repr, History.read(path))] == [*map(repr, history)]
        repr(history.events).encode()
    assert said.startswith(str(path))


@given(lines=st.lists(LINE | st.binary(max_size=20), max_size=3))
@examples(150)
def test_any_lines_are_a_history_or_one_error(tmp_path: Path, lines: list[bytes]) -> None:
    reads(tmp_path / "h.jsonl", *lines)


@given(content=st.binary(max_size=60))
@examples(50)
def test_any_bytes_are_a_history_or_one_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "h.jsonl"
    path.write_bytes(content)
    with pytest.raises(TestbedError, match=r"h\.jsonl:1: not a history"):
        History.read(path)


PHASE = '{"type": "phase", "name": "hold", "start": %s, "end": 2}'
CALL = json.dumps({"type": "call", **GOOD["call"], "status": 200}).replace('"duration_ms": 1.0', '"duration_ms": %s')


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("[" * 10_000, "nested too deep"),
        ('{"a":' * 100_000 + "1", "nested too deep"),
        ('{"type": ' + "[" * DEEPEST + "]" * DEEPEST + "}", "nested too deep"),
        (PHASE % "NaN", "NaN is not a number"),
        (PHASE % "-Infinity", "-Infinity is not a number"),
        (PHASE % "Infinity", "start is out of range"),
        (PHASE % "1e999", "start is out of range"),
        (PHASE % ("9" * 400), "start is out of range"),
        (PHASE % ("9" * 5000), "Exceeds the limit"),
        (CALL % -5, "duration_ms must not be negative, but is -5"),
        ('{"type": "sample", "at": 1, "source": "s", "values": {"a": "x"}}', "values must be dict"),
        ('{"type": "sample", "at": 1, "source": "s", "values": {"a": Infinity}}', "values is out of range"),
    ],
    ids=str,
)
def test_what_no_run_writes_is_refused_with_its_line(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "h.jsonl"
    path.write_text(f"{FIRST_LINE}\n{PHASE % 1}\n{line}\n")
    with pytest.raises(TestbedError, match=rf"h\.jsonl:3: .*{said}"):
        History.read(path)


def test_half_a_character_is_replaced_and_a_whole_one_is_not() -> None:
    assert loads(r'{"a": "\ud83d\ude00 \ud83d"}') == {"a": "\U0001f600 \ufffd"}
    assert loads(rb'["\uD800", 1e3]') == ["\ufffd", 1000.0]
