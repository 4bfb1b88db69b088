"""The clock of a run follows the monotonic clock, whatever happens to the wall clock."""

import re
from pathlib import Path

import pytest

import testbed
from testbed.clock import RunClock

WALL = re.compile(r"\btime\.time\(|\btime_ns\(|datetime\.(now|utcnow)|clock\.wall\(")
MAY = {  # what is compared with the times of other programs, is shown to people, or only has to be unique
    "clock.py",
    "evidence/completeness.py",
    "evidence/overhead.py",
    "evidence/reader.py",
    "frontends/cli/runs_table.py",
    "native/python/stub/attempts.py",
    "native/python/stub/calls.py",
    "runtime/orphans/folders.py",
}


class Machine:
    """Both clocks of a machine."""

    def __init__(self):
        self.wall_s, self.monotonic_s = 1_000_000.0, 50.0

    def passes(self, seconds):
        self.wall_s += seconds
        self.monotonic_s += seconds

    def clock(self):
        return RunClock(lambda: self.wall_s, lambda: self.monotonic_s)


@pytest.mark.parametrize("jump_s", [-15.0, 3600.0, -86_400.0])
def test_a_jump_during_a_load_changes_no_time(jump_s):
    machine = Machine()
    clock = machine.clock()
    clock.hold()
    before = clock.now()
    machine.wall_s += jump_s
    machine.passes(2)
    assert clock.now() - before == 2
    assert clock.at(machine.monotonic_s) == clock.now()


def test_the_first_holder_takes_the_wall_clock_and_a_second_one_changes_nothing():
    machine = Machine()
    clock = machine.clock()
    machine.wall_s += 3600
    clock.hold()
    assert clock.now() == machine.wall_s
    machine.wall_s += 3600
    clock.hold()
    assert clock.now() == machine.wall_s - 3600
    clock.release()
    clock.hold()
    assert clock.now() == machine.wall_s - 3600
    clock.release()
    clock.release()
    clock.hold()
    assert clock.now() == machine.wall_s


def test_readings_a_moment_apart_do_not_move_the_clock():
    machine = Machine()
    clock = machine.clock()
    machine.wall_s += 0.0005
    clock.hold()
    assert clock.now() == machine.wall_s - 0.0005


def test_nothing_but_the_named_modules_reads_the_wall_clock():
    home = Path(testbed.__file__).parent
    sources = [*home.rglob("*.py"), *(home.parent / "faults").rglob("*.py")]
    found = {str(one.relative_to(home)) if home in one.parents else one.name for one in sources if _reads(one)}
    assert found == MAY


def _reads(path):
    return bool(WALL.search(path.read_text()))
