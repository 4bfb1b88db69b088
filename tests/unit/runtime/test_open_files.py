"""The limit of open files is raised as far as allowed, and named where a process of the testbed ran into it."""

import resource

import pytest

from testbed.evidence import overhead
from testbed.runtime import open_files


@pytest.fixture
def limits(monkeypatch):
    """The limits of this process, soft and hard, without a change of the real ones."""
    now = [(40, 40)]
    monkeypatch.setattr(resource, "getrlimit", lambda kind: now[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda kind, pair: now.append(pair))
    return now


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((40, 40), (40, 40)),
        ((40, 4096), (4096, 4096)),
        ((1024, resource.RLIM_INFINITY), (open_files.MOST, resource.RLIM_INFINITY)),
        ((100_000, 200_000), (100_000, 200_000)),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), (resource.RLIM_INFINITY, resource.RLIM_INFINITY)),
    ],
)
def test_the_soft_limit_is_raised_and_never_lowered(limits, before, after):
    limits.append(before)
    open_files.raise_limit()
    assert limits[-1] == after


@pytest.mark.parametrize(
    "words", ["load: timerfd_create: too many open files", "accept4: Too many open files (os error 24)", "code EMFILE"]
)
def test_who_ran_out_of_files_names_the_limit_first(limits, words):
    assert open_files.named(words) == f"open files: limit 40 (raise it: ulimit -n 4096); {words}"


def test_other_last_words_stay(limits):
    assert open_files.named("panic: nil map") == "panic: nil map"


def test_a_limit_that_a_run_can_reach_is_part_of_the_record(limits):
    (sample,) = overhead.limit_of_files()
    assert (sample.source, sample.values) == ("open files", {"limit": 40.0})
    limits.append((65_536, 65_536))
    assert overhead.limit_of_files() == []
