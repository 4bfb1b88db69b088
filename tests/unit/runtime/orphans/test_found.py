"""Things sorted by run; orphans told from what has a living owner; real folders and processes found and removed."""

import os
import signal
import subprocess
import sys
import tempfile

import pytest

from testbed.frontends.cli.runs_table import as_data, table
from testbed.runtime.orphans import KINDS, folders, processes
from testbed.runtime.orphans.found import clear, runs
from testbed.runtime.orphans.resource import Resource
from testbed.runtime.orphans.sweep import sweep
from testbed.runtime.owner import MARK, Owner, State, me

A, B = Owner(10, 1, "1f2e3d4c", "9a8b7c6d"), Owner(11, 1, "1f2e3d4c", "9a8b7c6d")
GONE = Owner(2**22 + 1, 1, me().boot, me().place)  # a pid that no process can have


def thing(owner, run="", kind="process"):
    return Resource(kind, "1 1", owner, run)


def test_a_resource_without_a_run_belongs_to_the_only_run_of_its_owner():
    found = runs([thing(A, "a1"), thing(A), thing(B)], lambda _: State.ALIVE)
    assert [(run.name, len(run.things)) for run in found] == [("a1", 2), ("11", 1)]


def test_a_resource_of_an_owner_of_several_runs_is_listed_separately():
    found = runs([thing(A, "a1"), thing(A, "a2"), thing(A)], lambda _: State.ALIVE)
    assert [run.name for run in found] == ["a1", "a2", "10"]


@pytest.fixture
def spare(tmp_path, monkeypatch):
    """A temporary directory of our own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def folder(parent, name):
    made = parent / name
    (made / "below").mkdir(parents=True)
    (made / "below" / "file").touch()
    return made


def test_a_start_removes_only_folders_of_dead_owners(spare):
    dead = folder(spare, GONE.called("aa"))
    kept = [
        folder(spare, me().called("bb")),
        folder(spare, Owner(1, 1, me().boot, "00000000").called("cc")),
        folder(spare, "testbed-dd"),
        folder(spare, "else"),
    ]
    (spare / GONE.called("link")).symlink_to(kept[-1])
    (spare / GONE.called("file")).touch()
    sweep()
    assert not dead.exists()
    assert all((one / "below" / "file").exists() for one in kept)
    assert (spare / GONE.called("link")).is_symlink()
    assert (spare / GONE.called("file")).exists()


def test_a_start_removes_all_processes_of_a_run_with_its_folder(spare):
    home = folder(spare, GONE.called("aa"))
    with process_of(GONE, home) as stray:
        sweep()  # ours, or that of another worker, which is as good
        assert stray.wait(5) == -9
    assert not home.exists()


@pytest.mark.parametrize("part", ["stopped", "hung"])
def test_a_reaper_that_stands_still_keeps_nothing_from_being_removed(spare, monkeypatch, part):
    """A stopped one goes on and ends by itself; one that hangs is killed."""
    monkeypatch.setattr(processes, "REAPED_S", 30.0 if part == "stopped" else 0.1)
    home = folder(spare, GONE.called("aa"))
    with reaper_of(GONE, home) as reaper, process_of(GONE, home) as stray:
        assert reaper.stdout.readline() == b"up\n"
        if part == "stopped":
            os.kill(reaper.pid, signal.SIGSTOP)
            (home / "end").touch()
        sweep()
        assert reaper.wait(5) == (7 if part == "stopped" else -9)
        assert stray.wait(5) == -9
    assert not home.exists()


def test_a_process_has_owner_and_run_and_stays_while_the_owner_lives(spare):
    with process_of(me(), folder(spare, me().called("aa"))) as ours:
        sweep()
        (found,) = [one for one in processes.found() if processes.life_of(one)[0] == ours.pid]
        assert (found.owner, found.run, found.about) == (me(), "aa", "sleep 60")
        assert ours.poll() is None
        ours.kill()


def process_of(owner, home):
    """One that says whose it is, in a session of its own."""
    env = {MARK: str(owner), "TMPDIR": f"{home}/tmp", "PATH": os.defpath}
    return subprocess.Popen(["sleep", "60"], env=env, start_new_session=True)


def reaper_of(owner, home):
    """One that looks like a reaper, and ends when it is told."""
    script = home / "reaper.py"
    end = str(home / "end")
    script.write_text(
        f"import os, time\nprint('up')\nwhile not os.path.exists({end!r}): time.sleep(0.01)\nos._exit(7)\n"
    )
    env = {MARK: str(owner), "TMPDIR": f"{home}/tmp", "PATH": os.defpath}
    return subprocess.Popen([sys.executable, "-u", script], env=env, stdout=subprocess.PIPE, start_new_session=True)


def test_a_process_with_a_recycled_pid_is_not_killed():
    with subprocess.Popen(["sleep", "60"]) as somebody:
        assert clear([Resource("process", f"{somebody.pid} 1", GONE)]) == []
        assert somebody.poll() is None
        somebody.kill()


@pytest.mark.needs("root")
def test_resources_of_another_user_are_not_found(spare):
    other = folder(spare, GONE.called("aa"))
    os.chown(other, 12345, 12345)
    assert folders.found() == []


def test_a_resource_that_cannot_be_removed_is_returned(spare, monkeypatch):
    monkeypatch.setattr(folders.shutil, "rmtree", lambda *_, **__: None)
    stuck = Resource("folder", str(folder(spare, GONE.called("aa"))), GONE)
    assert clear([stuck]) == [stuck]


def test_a_table_names_run_owner_topology_and_state(spare):
    home = folder(spare, me().called("aa"))
    (home / folders.ABOUT).write_text(folders.about("shop", "process", "127.50"))
    kept, lost = Resource("folder", str(home), me(), "aa"), Resource("folder", "/nowhere", GONE, "bb")
    there = runs([kept, lost, thing(me(), "aa")])
    text = " ".join(table(there, width=400).split())
    assert "aa running" in text
    assert folders.read_about(str(home))["command"]
    assert f"(pid {os.getpid()})" in text
    assert "shop process 1 process" in text
    assert "bb orphan a process" in text
    assert "`testbed down` or the next start" in text
    first, second = as_data(there)
    assert (first["topology"], first["network"], first["state"], second["topology"]) == (
        "shop", "127.50", "running", None,
    )  # fmt: skip


def test_an_empty_table_is_one_line():
    assert table([]) == "no runs and no orphans"


def test_kinds_are_removed_in_a_working_order():
    assert list(KINDS).index("process") < list(KINDS).index("control group") < list(KINDS).index("folder")
