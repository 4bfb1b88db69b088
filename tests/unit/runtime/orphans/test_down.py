"""`testbed down` ends what it was told to end, and nothing else."""

import os
import subprocess

import pytest

from testbed.errors import TestbedError
from testbed.runtime.orphans import down as module
from testbed.runtime.orphans.processes import wait_for
from testbed.runtime.orphans.resource import Resource
from testbed.runtime.owner import me
from testbed.runtime.proc import started


@pytest.mark.parametrize("name", ["", " ", "\t"])
def test_an_empty_name_is_refused_although_one_run_begins_with_it(monkeypatch, name):
    """`testbed down "$RUN"`, where RUN is not set."""
    monkeypatch.setattr(module, "look", lambda: [Resource("folder", "/nowhere", me(), "aa")])
    with pytest.raises(TestbedError, match="an empty name is no run"):
        module.down([name], everything=False, say=print, asked_s=0)


def test_several_runs_that_begin_so_are_refused(monkeypatch):
    monkeypatch.setattr(module, "look", lambda: [Resource("folder", "/nowhere", me(), run) for run in ("ab", "ac")])
    with pytest.raises(TestbedError, match="2 runs begin with 'a'"):
        module.down(["a"], everything=False, say=print, asked_s=0)


def test_a_recycled_pid_is_not_waited_for():
    mine = os.getpid()
    assert wait_for({mine: 1}, within_s=60)
    assert not wait_for({mine: started(mine) or 0}, within_s=0)
    with subprocess.Popen(["/bin/true"]) as child:
        assert wait_for({child.pid: started(child.pid) or 0}, within_s=60)
