"""Process faults act on every descendant of a process, also on those that left its group and its first parent."""

import time
from pathlib import Path

import pytest

from testbed import Topology, cpu_limit, kill, pause, start
from testbed.runtime import proc
from testbed.runtime.process import family

HERE = Path(__file__).parent
APP = "pool-1/app"


@pytest.fixture(scope="module")
def bed():
    pool = {"command": ["python3", "-S", str(HERE / "descendants" / "pool.py")]}
    services = {"pool": pool, "burner": {**pool, "env": {"BURN": "1"}}, "front": {"language": "go", "calls": ["pool"]}}
    services["front"]["calls"].append("burner")
    with start(Topology.model_validate({"name": "family", "entry": "front", "services": services})) as bed:
        yield bed


def members(bed, name=APP):
    found = family.descendants(bed.parts.runtime.pid(name))
    assert len(found) == 3  # the first process, the server, its child
    return found


def test_planted_a_pause_stops_them_all_and_healing_continues_them(bed):
    found = members(bed)
    with bed.inject(pause().on(service="pool")):
        assert [proc.states(pid) for pid in found] == [{"T"}] * 3
    assert not any("T" in proc.states(pid) for pid in found)


def test_planted_a_kill_ends_them_all(bed):
    before = {pid: proc.started(pid) for pid in members(bed)}
    with bed.inject(kill().on(service="pool")):
        deadline = time.monotonic() + 10
        while any(proc.started(pid) == at for pid, at in before.items()) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert [pid for pid, at in before.items() if proc.started(pid) == at] == []
    assert len(members(bed)) == 3


def test_planted_a_cpu_limit_slows_a_grandchild(bed):
    """The grandchild would use a whole CPU."""
    found = members(bed, "burner-1/app")
    with bed.inject(cpu_limit(share=0.1).on(service="burner")):
        used, begun = sum(map(proc.cpu_seconds, found)), time.monotonic()
        time.sleep(1)
        share = (sum(map(proc.cpu_seconds, found)) - used) / (time.monotonic() - begun)
    assert share < 0.25
