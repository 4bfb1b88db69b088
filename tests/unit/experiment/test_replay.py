import pytest

from testbed.errors import TestbedError
from testbed.experiment.replay import read_runs, write_runs
from testbed.experiment.run import Run
from testbed.history.events import Phase, RunInfo
from testbed.history.file import History
from testbed.history.journal import Journal

RUNS = [[RunInfo(at, "t", 1, "envoy", {}, {}, ()), Phase("hold", at, at + 1)] for at in (0.0, 5.0)]


def test_the_runs_of_a_test_are_kept_in_one_file(tmp_path):
    path = tmp_path / "new" / "t.jsonl"
    write_runs([Run(History(events)) for events in RUNS], path)
    assert [(list(run), run.complete) for run in read_runs(path)] == [(events, True) for events in RUNS]


def test_of_a_journal_that_was_not_closed_only_the_last_run_is_incomplete(tmp_path):
    path = tmp_path / "t.jsonl"
    journal = Journal.open(path)
    journal.extend(event for events in RUNS for event in events)
    journal.close(complete=False)
    assert [run.complete for run in read_runs(path)] == [True, False]


def test_a_history_begins_with_a_run(tmp_path):
    path = tmp_path / "t.jsonl"
    History([Phase("hold", 0, 1)]).write(path)
    with pytest.raises(TestbedError, match="the first line is not a run event"):
        read_runs(path)
    History().write(path)
    assert read_runs(path) == []
