import json
from dataclasses import fields
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.errors import TestbedError
from testbed.history.events import Event, Evidence, FaultEvent, Phase, RunInfo
from testbed.history.file import History
from tests.kit.examples import examples

KINDS = get_args(Event)
NUMBERS = st.floats(0, 1e18)
JSON = st.dictionaries(st.text(), st.one_of(st.none(), st.integers(-(10**15), 10**15), st.text(), st.lists(st.text())))
FIELDS = {
    "str": st.text(),
    "int": st.integers(-(10**15), 10**15),
    "float": st.one_of(NUMBERS, st.integers(0, 10**15)),
    "bool": st.booleans(),
    "dict[str, object]": JSON,
    "dict[str, str]": st.dictionaries(st.text(), st.text()),
    "dict[str, float]": st.dictionaries(st.text(), NUMBERS),
    "int | None": st.none() | st.integers(-(2**40), 2**40),
    "float | None": st.none() | NUMBERS,
    "str | None": st.none() | st.text(),
    "tuple[str, ...]": st.lists(st.text()).map(tuple),
    "tuple[str, ...] | None": st.none() | st.lists(st.text()).map(tuple),
}


def events_of(kind):
    return st.builds(kind, **{field.name: FIELDS[str(field.type)] for field in fields(kind)})


@given(st.lists(st.one_of(*map(events_of, KINDS)), max_size=8))
@examples(60)
def test_what_is_written_is_read_again_exactly(tmp_path, events):
    path = tmp_path / "run.jsonl"
    History(events).write(path)
    read = History.read(path)
    assert list(read) == events
    assert [repr(event) for event in read] == [repr(event) for event in events]  # types as well: 1 is not 1.0


def test_the_file_begins_with_its_version_and_has_one_line_an_event(tmp_path):
    History([Phase("hold", 1.0, 2.0), Phase("heal", 2.0, 3.0)]).write(tmp_path / "h.jsonl")
    first, *lines = (tmp_path / "h.jsonl").read_text().splitlines()
    assert json.loads(first) == {"type": "history", "version": 1}
    assert json.loads(lines[1]) == {"type": "phase", "name": "heal", "start": 2.0, "end": 3.0}
    assert len(lines) == 2


GOOD = '{"type": "history", "version": 1}'
PHASE = '{"type": "phase", "name": "hold", "start": 1.0, "end": 2.0}'


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], r"bad.jsonl:1: not a history of this version"),
        (['{"type": "history", "version": 2}'], r"bad.jsonl:1: not a history of this version"),
        ([PHASE], r"bad.jsonl:1: not a history"),
        ([GOOD, PHASE, '{"type": "phase", "na'], r"bad.jsonl:3: "),
        ([GOOD, ""], r"bad.jsonl:2: "),
        ([GOOD, "[]"], r"bad.jsonl:2: not a JSON object"),
        ([GOOD, '{"name": "hold"}'], r"bad.jsonl:2: unknown event '\(no type\)'"),
        (
            [GOOD, PHASE.replace('"phase"', '"phases"')],
            r"bad.jsonl:2: unknown event 'phases' \(did you mean 'phase'\?\)",
        ),
        (
            [GOOD, PHASE.replace("start", "strat")],
            r"bad.jsonl:2: phase has no field 'strat' \(did you mean 'start'\?\)",
        ),
        ([GOOD, '{"type": "phase", "name": "hold"}'], r"bad.jsonl:2: phase: .*missing"),
        ([GOOD, PHASE.replace("1.0", '"1"')], r"bad.jsonl:2: phase: start must be float, not '1'"),
        ([GOOD, PHASE.replace("1.0", "true")], r"bad.jsonl:2: phase: start must be float, not True"),
    ],
)
def test_a_broken_file_names_file_and_line(tmp_path, lines, message):
    path = tmp_path / "bad.jsonl"
    path.write_text("".join(line + "\n" for line in lines))
    with pytest.raises(TestbedError, match=message):
        History.read(path)


@pytest.mark.parametrize("edges", ["null", '"a -> b"', "[1]", "{}"])
def test_a_list_of_strings_is_nothing_else(tmp_path, edges):
    path = tmp_path / "bad.jsonl"
    line = f'{{"type": "evidence", "source": "calls", "complete": true, "edges": {edges}}}'
    path.write_text(f"{GOOD}\n{line}\n")
    with pytest.raises(TestbedError, match="edges must be a list of strings"):
        History.read(path)


def test_a_call_of_a_history_without_outcomes_has_none(tmp_path):
    path = tmp_path / "old.jsonl"
    old = {"type": "call", "request": "r", "edge": "a -> b", "caller": "a-1", "attempts": 1, "start": 1.0}
    path.write_text(f"{GOOD}\n{json.dumps(old | {'duration_ms': 1.0, 'status': 503, 'flags': 'UC'})}\n")
    (call,) = History.read(path)
    assert (call.flags, call.outcome) == ("UC", "")


def test_none_and_empty_stay_apart(tmp_path):
    usual = {"id": "f1", "name": "delay", "text": "", "plane": "inlet", "links": (), "edges": (), "start": 0.0}
    events = [FaultEvent(**usual, end=1.0, users=None), FaultEvent(**usual, end=float("inf"), users=())]
    History(events).write(tmp_path / "h.jsonl")
    assert list(History.read(tmp_path / "h.jsonl")) == events


def test_a_file_that_is_not_there_or_cannot_be_written(tmp_path):
    with pytest.raises(TestbedError, match=r"cannot read the history .*none.jsonl: No such file"):
        History.read(tmp_path / "none.jsonl")
    with pytest.raises(TestbedError, match=r"cannot write the history .*: No such file"):
        History().write(tmp_path / "no" / "h.jsonl")


def test_events_are_kept_in_order_and_the_index_is_built_once():
    events = [Phase("hold", 0, 1), Evidence("calls", True), RunInfo(0, "t", 1, "envoy", {}, {}, ())]
    history = History(iter(events))
    assert history.index is history.index
    assert list(history.index.by_phase) == ["hold"]
    assert (list(history), list(history.events), history.complete) == (events, events, True)
