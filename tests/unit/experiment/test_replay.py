import pytest

from testbed.errors import TestbedError
from testbed.experiment.replay import read_runs, write_runs
from testbed.experiment.run import Run
from testbed.history.events import Attempt, Phase, RunInfo
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


FLAGS = [("UO", "breaker_open"), ("UF,URX", "connect_failed"), ("timeout", "timeout"), ("", ""), ("NR", "")]


@pytest.mark.parametrize(("flags", "outcome"), FLAGS)
def test_a_history_of_an_earlier_version_tells_outcomes_by_its_flags(tmp_path, flags, outcome):
    path = tmp_path / "t.jsonl"
    attempt = Attempt("r1", "a -> b", "a-1", "b-1", 1, 0.0, 5.0, 0, flags)
    answered = Attempt("r2", "a -> b", "a-1", "b-1", 1, 0.0, 5.0, 503, flags)
    write_runs([Run(History([RUNS[0][0], attempt, answered]))], path)
    path.write_text(path.read_text().replace('"outcome":"",', "").replace(',"outcome":""', ""))
    (run,) = read_runs(path)
    assert [event.outcome for event in list(run)[1:]] == [outcome, ""]
