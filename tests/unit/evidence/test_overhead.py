"""The testbed's own load: processor seconds by name, the machine's from /proc/stat."""

import os

from testbed.errors import TestbedError
from testbed.evidence.overhead import CpuUsage, FilesUsed
from testbed.runtime.proc import TICKS


def test_cpu_seconds_are_reported_by_name(tmp_path):
    stat = tmp_path / "stat"
    stat.write_text("cpu  100 10 50 800 40 1 2 7 99 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n")
    sample = CpuUsage({"links": lambda: 1.5, "inlet": lambda: 2.5}, stat).sample()
    assert (sample.source, sample.values["links"], sample.values["inlet"]) == ("testbed", 1.5, 2.5)
    assert sample.values["test"] > 0
    assert sample.values["machine"] == 170 / TICKS  # user, nice, system, irq, softirq, steal; guests are user time
    assert sample.values["capacity"] == 1010 / TICKS


def test_the_share_of_file_descriptors_of_a_process_that_runs():
    def gone():
        raise TestbedError("links does not run")

    sample = FilesUsed({"me": os.getpid, "links": gone}).sample()
    assert set(sample.values) == {"me"}
    assert 0 < sample.values["me"] < 1


def test_the_machine_alone_is_a_source_of_its_own(tmp_path):
    (tmp_path / "stat").write_text("cpu 100 0 50 700 20 5 5 0 0 0\n")
    sample = CpuUsage({}, tmp_path / "stat").of_machine()
    assert (sample.source, set(sample.values)) == ("machine", {"machine", "capacity", "monotonic_s", "wall_s"})


def test_a_machine_that_does_not_say_is_left_out(tmp_path):
    assert set(CpuUsage({}, tmp_path / "nothing").sample().values) == {"test"}


def test_the_real_machine_says():
    before, after = CpuUsage({}).sample(), CpuUsage({}).sample()
    assert 0 < before.values["machine"] <= after.values["machine"] <= after.values["capacity"]
