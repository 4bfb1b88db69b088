import errno
import subprocess
import sys
import threading
import tracemalloc
from pathlib import Path

import pytest

from testbed.errors import TestbedError
from testbed.history.events import Evidence, Phase, ProcessEvent, RunInfo
from testbed.history.file import History
from testbed.history.format import CODEC, FIRST_LINE, UNFINISHED
from testbed.history.journal import EVERY_S, MOST_BYTES, Journal

RUN = RunInfo(0.0, "t", 1, "envoy", {}, {}, ("requests",))


def event(number, thread=""):
    return ProcessEvent(float(number), f"app-{number}", "started", thread)


class Disk:
    """A file in memory that takes a few bytes a write, and no more than there is room for."""

    def __init__(self, room=2**30, most=2**30):
        self.text, self.room, self.most, self.writes, self.closed = b"", room, most, 0, 0

    def write(self, data):
        if not (taken := data[: min(self.room, self.most)]):
            raise OSError(errno.ENOSPC, "No space left on device")
        self.text, self.room, self.writes = self.text + taken, self.room - len(taken), self.writes + 1
        return len(taken)

    def close(self):
        self.closed += 1

    def events(self, tmp_path):
        (tmp_path / "disk.jsonl").write_bytes(self.text)
        return History.read(tmp_path / "disk.jsonl")


class Scene:
    """A journal on such a disk, with a clock that stands still until it is set."""

    def __init__(self, disk=None):
        self.disk, self.now, self.warnings = disk or Disk(), 100.0, []
        self.journal = Journal("run.jsonl", lambda: self.disk, self.warnings.append, lambda: self.now)


def test_a_closed_journal_is_a_complete_history(tmp_path):
    path = tmp_path / "new" / "folder" / "run.jsonl"
    journal = Journal.open(path)
    events = [RUN, event(1), Phase("hold", 0, 1), event(2)]
    journal.append(events[0])
    journal.extend(events[1:])
    journal.close()
    assert (list(History.read(path)), History.read(path).complete) == (events, True)


def test_a_reader_that_does_not_know_the_marks_finds_events_in_their_place(tmp_path):
    """An older version reads every line after the first as an event."""
    journal = Journal.open(tmp_path / "run.jsonl")
    journal.append(RUN)
    journal.close()
    first, *lines = (tmp_path / "run.jsonl").read_text().splitlines()
    assert first == FIRST_LINE
    assert [CODEC.decode(line) for line in lines] == [
        UNFINISHED,
        RUN,
        Evidence("history", complete=True),
    ]


def test_an_unclosed_journal_is_read_up_to_its_last_whole_line_wherever_it_was_cut(tmp_path):
    scene = Scene()
    scene.journal.flush()
    head = len(scene.disk.text)
    events = [RUN, event(1), event(2)]
    scene.journal.extend(events)
    scene.journal.close()
    whole, found = scene.disk.text, set()
    for end in range(head, len(whole) - 1):  # without its newline the last line is whole
        (tmp_path / "cut.jsonl").write_bytes(whole[:end])
        read = History.read(tmp_path / "cut.jsonl")
        assert not read.complete
        assert list(read) == [*events[: whole[:end].count(b"\n") - 2], UNFINISHED]
        found.add(len(read.events) - 1)
    assert found == {0, 1, 2, 3}


def test_only_the_last_line_may_be_torn_and_only_in_an_unclosed_journal(tmp_path):
    scene = Scene()
    scene.journal.extend([RUN, event(1)])
    scene.journal.flush()
    path, text = tmp_path / "bad.jsonl", scene.disk.text
    path.write_bytes(text + b'{"type": "pha\n')
    with pytest.raises(TestbedError, match=r"bad.jsonl:5: Unterminated string"):
        History.read(path)
    scene.journal.close()
    path.write_bytes(scene.disk.text.replace(b'"app-1"', b'"app-1'))
    with pytest.raises(TestbedError, match=r"bad.jsonl:4: "):
        History.read(path)
    History([RUN]).write(path)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(TestbedError, match=r"bad.jsonl:2: "):
        History.read(path)


@pytest.mark.parametrize("complete", [True, False])
def test_whether_it_is_complete_is_kept_by_a_copy(tmp_path, complete):
    scene = Scene()
    scene.journal.append(RUN)
    scene.journal.close(complete=complete)
    read = scene.disk.events(tmp_path)
    read.write(tmp_path / "copy.jsonl")
    copy = History.read(tmp_path / "copy.jsonl")
    assert (read.complete, copy.complete, list(copy)) == (complete, complete, [RUN] if complete else [RUN, UNFINISHED])


def test_events_wait_and_are_written_together():
    scene = Scene()
    scene.journal.extend([event(1), event(2)])
    assert (scene.disk.writes, b"app-2" in scene.disk.text) == (1, False)
    scene.now += EVERY_S
    scene.journal.append(event(3))
    assert (scene.disk.writes, b"app-3" in scene.disk.text) == (2, True)
    scene.journal.append(event(4))
    assert b"app-4" not in scene.disk.text
    scene.journal.flush()
    assert b"app-4" in scene.disk.text


@pytest.mark.parametrize("boundary", [RUN, Phase("hold", 0, 1)])
def test_a_boundary_is_written_at_once(boundary, tmp_path):
    scene = Scene()
    scene.journal.extend([event(1), boundary])
    assert list(scene.disk.events(tmp_path)) == [event(1), boundary, UNFINISHED]


def test_no_more_than_so_many_bytes_wait():
    scene = Scene()
    tracemalloc.start()
    try:
        for number in range(20_000):  # 2 MB
            scene.disk.text = b""
            scene.journal.append(event(number))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert scene.disk.writes > 1
    assert peak < 6 * MOST_BYTES


def test_a_file_that_takes_little_at_once_gets_all(tmp_path):
    scene = Scene(Disk(most=7))
    scene.journal.extend(map(event, range(50)))
    scene.journal.close()
    assert list(scene.disk.events(tmp_path)) == list(map(event, range(50)))


def test_a_disk_that_fills_up_is_one_warning_and_keeps_what_it_has(tmp_path):
    scene = Scene(Disk(room=500))
    for number in range(20):
        scene.journal.append(event(number))
        scene.journal.flush()
    scene.disk.room = 2**20  # there is room again: nothing may follow a torn line
    scene.journal.append(event(99))
    scene.journal.close()
    scene.journal.close()
    assert scene.warnings == ["cannot write the journal run.jsonl, so it ends here: No space left on device"]
    assert (len(scene.disk.text), scene.disk.closed) == (500, 1)
    *kept, last = scene.disk.events(tmp_path)
    assert (kept, last) == (list(map(event, range(len(kept)))), UNFINISHED)
    assert 0 < len(kept) < 20


@pytest.mark.parametrize("path", ["/dev/full", "/proc/run.jsonl", f"{__file__}/run.jsonl"])
def test_a_place_that_cannot_be_written_is_one_warning(path):
    warnings = []
    journal = Journal.open(path, warnings.append)
    journal.append(RUN)
    journal.close()
    assert len(warnings) == 1
    assert warnings[0].startswith(f"cannot write the journal {path}, so it ends here: ")


def test_without_a_place_for_warnings_they_go_to_standard_error(capsys):
    Journal.open("/dev/full").close()
    assert capsys.readouterr().err == (
        "testbed: cannot write the journal /dev/full, so it ends here: No space left on device\n"
    )


def test_a_warning_may_come_back_to_the_journal():
    disk, journals = Disk(room=200), []
    journal = Journal("run.jsonl", lambda: disk, lambda text: journals[0].append(event(0)))
    journals.append(journal)
    journal.append(Phase("hold", 0, 1))
    assert disk.closed == 1


def test_what_comes_after_the_end_is_ignored(tmp_path):
    scene = Scene()
    scene.journal.close()
    scene.journal.append(RUN)
    scene.journal.flush()
    scene.journal.close()
    read = scene.disk.events(tmp_path)
    assert (list(read), read.complete, scene.disk.closed) == ([], True, 1)


def test_the_events_of_each_thread_stay_whole_and_in_order(tmp_path):
    path = tmp_path / "run.jsonl"
    journal = Journal.open(path)

    def work(name):
        for number in range(500):
            journal.append(event(number, name))
            if number % 50 == 0:
                journal.flush()

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.close()
    read = list(History.read(path))
    assert len(read) == 2000
    for name in "abcd":
        assert [one for one in read if one.detail == name] == [event(number, name) for number in range(500)]


KILLED = """
import io, os, sys, time
from testbed.history.events import ProcessEvent
from testbed.history.journal import Journal

class Slow(io.FileIO):
    '''Stops in the middle of the fourth write, as a process does that is killed there.'''
    writes = 0
    def write(self, data):
        self.writes += 1
        if self.writes < 4:
            return super().write(data)
        super().write(data[:-10])
        print("half", flush=True)
        time.sleep(600)

journal = Journal("run.jsonl", lambda: Slow(sys.argv[1], "w"), print)
for number in range(9):
    journal.append(ProcessEvent(float(number), f"app-{number}", "started"))
    journal.flush()
"""


def test_the_journal_of_a_process_that_was_killed_while_it_wrote_is_read(tmp_path: Path):
    path = tmp_path / "run.jsonl"
    with subprocess.Popen([sys.executable, "-c", KILLED, path], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        process.kill()
    assert (said, process.returncode) == ("half\n", -9)
    read = History.read(path)
    assert (list(read), read.complete) == ([event(0), event(1), UNFINISHED], False)
