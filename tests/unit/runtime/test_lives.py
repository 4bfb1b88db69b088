"""What is known of processes: who waits is woken, a wanted end is no death, and a death can be taken back."""

from __future__ import annotations

import threading

import pytest

from testbed.errors import TestbedError
from testbed.runtime.lives import Life, Lives


@pytest.fixture
def lives() -> Lives[Life]:
    made: Lives[Life] = Lives()
    with made.locked() as found:
        found |= {"a": Life(alive=True), "b": Life(alive=True)}
    return made


def test_an_expected_end_is_not_a_death(lives: Lives[Life]) -> None:
    lives.expect_exit(["a"])
    lives.ended("a", 1.0, "exit code 0")
    lives.ended("b", 2.0, "exit code 3")
    assert [(death.name, death.at, death.how) for death in lives.deaths] == [("b", 2.0, "exit code 3")]
    assert not lives.alive("a")


def test_an_expected_end_can_be_reported_as_a_death(lives: Lives[Life]) -> None:
    lives.expect_exit(["a"])
    lives.ended("a", 1.0, "killed (out of memory)", reported=True)
    assert [death.name for death in lives.deaths] == ["a"]


def test_later_deaths_of_one_process_can_be_removed(lives: Lives[Life]) -> None:
    for name in ("a", "b", "a"):
        lives.ended(name, 1.0, "exit code 1")
    lives.forget_deaths("a", known=1)
    assert [death.name for death in lives.deaths] == ["a", "b"]


def test_a_process_that_does_not_run_is_an_error_with_its_end(lives: Lives[Life]) -> None:
    lives.require("a")
    lives.ended("a", 1.0, "exit code 3")
    with pytest.raises(TestbedError, match=r"^a is not running \(exit code 3\)$"):
        lives.require("a")
    with pytest.raises(TestbedError, match="^c is not running$"):
        lives.require("c")


def test_an_end_wakes_a_waiting_thread(lives: Lives[Life]) -> None:
    ending = threading.Thread(target=lives.ended, args=("a", 1.0, "exit code 0"))
    with lives.locked():
        ending.start()  # it ends the process as soon as the wait has begun
        assert lives.wait(lambda: not lives.alive("a"), 60)
    ending.join()


def test_a_lost_event_source_wakes_a_waiting_thread(lives: Lives[Life]) -> None:
    losing = threading.Thread(target=lives.lose)
    with lives.locked():
        losing.start()
        assert not lives.wait(lambda: not lives.alive("a"), 60)
    losing.join()
