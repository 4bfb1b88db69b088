"""The tally of stability runs: what an output adds up to, and how many green runs there are in a row."""

from dataclasses import asdict, replace
from json import dumps
from pathlib import Path

import pytest

from benchmarks.stability import Run, in_a_row, outcome, read, run_once, table

GREEN = Run("suite", "idle", "abc", "2026-11-30 12:00", 300.0, 2.0, 0, passed=10)
RED = replace(GREEN, code=1, red=("tests/test_a.py::test_b",))
OUTPUT = """
================== 3 passed, 1 skipped, 2 rerun in 4.50s ===================
FAILED tests/test_a.py::test_b - assert 1 == 2
ERROR tests/test_c.py::test_d[no answer]
============= 1 failed, 4 passed, 1 error in 65.00s (0:01:05) ==============
==== not a closing line, 7 passed ====
"""


def test_an_output_of_several_sessions_adds_up() -> None:
    assert outcome(OUTPUT) == {
        "passed": 7,
        "skipped": 1,
        "rerun": 2,
        "red": ("tests/test_a.py::test_b", "tests/test_c.py::test_d[no answer]"),
    }


@pytest.mark.parametrize(
    ("runs", "row"), [([], 0), ([GREEN], 1), ([GREEN, RED], 0), ([RED, GREEN, GREEN], 2), ([GREEN, RED, GREEN], 1)]
)
def test_a_failed_run_resets_the_count(runs: list[Run], row: int) -> None:
    assert in_a_row(runs) == row


def test_a_failed_run_without_a_failed_test_is_not_green() -> None:
    assert not replace(GREEN, code=2).is_green


def test_the_table_has_a_line_for_each_condition() -> None:
    lines = table([GREEN, replace(GREEN, under="loops"), RED]).splitlines()
    assert lines[2].startswith("| suite | idle | 2 | 0 | 10 | 300 s |")
    assert lines[2].endswith("| tests/test_a.py::test_b |")
    assert lines[3].startswith("| suite | loops | 1 | 1 | 5 |")


def test_the_tally_is_read_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "tally").write_text("".join(dumps(asdict(run)) + "\n" for run in (GREEN, RED)))
    assert read(tmp_path / "tally") == [GREEN, RED]
    assert read(tmp_path / "none") == []


def test_a_command_is_run_and_its_output_is_read(tmp_path: Path) -> None:
    run = run_once(["printf", "=== 5 passed in 1.00s ==="], "suite", "idle", tmp_path / "log")
    assert (run.passed, run.code, run.is_green) == (5, 0, True)
