import os
import signal
import subprocess
import sys

import pytest

from testbed.runtime import proc
from testbed.runtime.process import family
from testbed.runtime.process.effects import see, stopped

LEAVES = """
import os, time
if os.fork() == 0:
    os.setsid()
    os.fork()
print(flush=True)
time.sleep(60)
"""


@pytest.fixture
def parent():
    words = [sys.executable, "-S", "-c", LEAVES]
    with subprocess.Popen(words, stdout=subprocess.PIPE, start_new_session=True) as made:
        for _ in range(3):
            made.stdout.readline()
        yield made.pid
        for pid in family.descendants(made.pid):
            family.send(pid, signal.SIGKILL)


def test_descendants_are_found_in_whatever_session(parent):
    found = family.descendants(parent)
    assert len(found) == 3
    assert found[0] == parent
    assert {os.getsid(pid) for pid in found} == {parent, found[1]}
    assert [family.scan(pid) for pid in found] == [family.children(pid) for pid in found]


def test_a_signal_reaches_them_all(parent):
    family.signal_all(parent, signal.SIGSTOP)
    see("it", parent, stopped, "stopped", alive=lambda: True, within_s=10)
    assert [proc.states(pid) for pid in family.descendants(parent)] == [{"T"}] * 3


def test_one_that_is_not_reached_is_named(parent):
    from testbed.errors import TestbedError

    last = family.descendants(parent)[-1]
    for pid in family.descendants(parent)[:-1]:
        os.kill(pid, signal.SIGSTOP)
    with pytest.raises(TestbedError, match=rf"is not stopped: python\S* \(pid {last}\) in state S"):
        see("it", parent, stopped, "stopped", alive=lambda: True, within_s=0.2)


def test_nothing_is_below_a_process_that_does_not_exist():
    assert family.descendants(2**22 + 1) == []


def test_handlers_are_known():
    words = [
        sys.executable,
        "-S",
        "-c",
        "import signal as s, time; s.signal(15, print); print(flush=True); time.sleep(9)",
    ]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as one:
        one.stdout.readline()
        assert proc.handles(one.pid, signal.SIGTERM)
        assert not proc.handles(one.pid, signal.SIGHUP)
        one.kill()
    assert not proc.handles(2**22 + 1, signal.SIGTERM)
