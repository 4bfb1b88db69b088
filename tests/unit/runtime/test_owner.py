"""Whose a thing is: a recycled pid, another boot and another container are not taken for its owner."""

import os
import subprocess

import pytest

from testbed.runtime import owner
from testbed.runtime.owner import Owner, State, judge, me, named, parse, state
from testbed.runtime.proc import started

HERE = Owner(4711, 123456, "1f2e3d4c", "9a8b7c6d")


def judged(living, boot="1f2e3d4c", place="9a8b7c6d", owner=HERE):
    return judge(owner, boot, place, living.get)


@pytest.mark.parametrize(
    ("living", "where", "expected"),
    [
        ({4711: 123456}, {}, State.ALIVE),
        ({}, {}, State.DEAD),
        ({4711: 999999}, {}, State.DEAD),  # its pid is somebody else's by now
        ({4711: 123456}, {"boot": "00000000"}, State.DEAD),  # so it is after a boot, whatever the ticks say
        ({}, {"place": "00000000"}, State.ELSEWHERE),  # in another container, where we cannot see it
        ({}, {"boot": "00000000", "place": "00000000"}, State.ELSEWHERE),
    ],
)
def test_the_state_of_an_owner(living, where, expected):
    assert judged(living, **where) is expected


def test_the_name_of_a_resource_contains_its_owner():
    assert named(HERE.called("run-1")) == (HERE, "run-1")
    assert parse(str(HERE)) == HERE


@pytest.mark.parametrize(
    "name",
    ["testbed-k3j2h1ab", "testbed-1-2", "testbed-x-2-1f2e3d4c-9a8b7c6d-a", "other-4711-123456-1f2e3d4c-9a8b7c6d-a", ""],
)
def test_any_other_name_has_no_owner(name):
    assert named(name) is None


@pytest.mark.parametrize("text", ["", "4711", "a-1-b-c", "1-b-2-c", "1-2-b"])
def test_any_other_text_is_not_an_owner(text):
    assert parse(text) is None


def test_this_process_is_alive_and_a_zombie_is_dead():
    assert state(me()) is State.ALIVE
    assert me().pid == os.getpid()
    with subprocess.Popen(["/bin/true"]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert os.path.exists(f"/proc/{child.pid}")
        assert started(child.pid) is None


def test_a_forked_child_is_another_owner():
    mine, reading, writing = str(me()), *os.pipe()
    if (child := os.fork()) == 0:
        os.write(writing, str(me()).encode())
        os._exit(0)
    os.waitpid(child, 0)
    its = os.read(reading, 100).decode()
    os.close(reading)
    os.close(writing)
    assert its != mine
    assert its.startswith(f"{child}-")


@pytest.mark.parametrize(
    ("users", "expected"),
    [("0 0 4294967295\n", 0), ("0 1000 1\n", 1000), ("5 7 2\n", 0), ("", 0), ("nonsense\n", 0)],
    ids=["the machine's own", "root of a sandbox", "not mapped", "empty", "unreadable"],
)
def test_a_user_is_the_one_outside_the_user_namespace(monkeypatch, tmp_path, users, expected):
    monkeypatch.setattr(owner, "USERS", str(tmp_path / "uid_map"))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    (tmp_path / "uid_map").write_text(users)
    assert owner.user() == expected


def test_machines_with_one_name_and_namespaces_of_one_machine_are_places_of_their_own():
    places = [
        ("1f2e", "shop", "pid:[1]"),
        ("9a8b", "shop", "pid:[1]"),
        ("1f2e", "till", "pid:[1]"),
        ("1f2e", "shop", "pid:[2]"),
    ]
    assert len({owner.place(*each) for each in places}) == 4
