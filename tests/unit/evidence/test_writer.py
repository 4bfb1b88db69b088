"""The life of a writer: what follows what, and which gaps each change leaves in its log."""

from collections.abc import Sequence

import pytest

from testbed.evidence.writer import FOREVER, WriterState


def after(changes: Sequence[str], *, is_proxy: bool = True) -> WriterState:
    made = WriterState("a-1/proxy", is_proxy=is_proxy)
    for change in changes:
        getattr(made, change)()
    return made


@pytest.mark.parametrize(
    ("changes", "alive", "tells", "incarnation"),
    [
        ([], True, True, 1),
        (["killed"], False, False, 1),
        (["exited"], False, False, 1),
        (["killed", "started"], True, True, 2),
        (["started"], True, True, 2),  # restarted between two loads: nobody told of its end
        (["paused"], True, False, 1),
        (["paused", "resumed"], True, True, 1),
        (["paused", "killed"], False, False, 1),
        (["paused", "killed", "resumed"], False, False, 1),  # a dead process does not go on
        (["paused", "started"], True, True, 2),
    ],
)
def test_what_follows_what(changes: list[str], alive: bool, tells: bool, incarnation: int) -> None:
    made = after(changes)
    assert (made.alive, made.tells_counters, made.incarnation) == (alive, tells, incarnation)


def test_an_app_that_writes_its_own_log_has_no_counters_to_tell() -> None:
    assert not after([], is_proxy=False).tells_counters
    assert not after(["killed", "started"], is_proxy=False).tells_counters


@pytest.mark.parametrize(
    ("changes", "attempts", "calls"),
    [
        ([], [], []),
        (
            ["killed"],
            ["was killed: its requests under way were not logged"],
            ["calls to it while it was dead were not recorded"],
        ),
        (["paused"], ["is paused"], ["was paused"]),
        (["paused", "resumed"], [], ["was paused"]),
        (["paused", "killed"], ["is paused", "was killed"], ["was paused", "was killed"]),
        (["exited", "started"], [], []),
    ],
)
def test_each_change_leaves_its_gaps(changes: list[str], attempts: list[str], calls: list[str]) -> None:
    made = after(changes)
    for source, words in (("attempts", attempts), ("calls", calls)):
        gaps = list(made.gaps(source))
        assert len(gaps) == len(words)
        assert all(word in gap.why for word, gap in zip(words, gaps, strict=True))


def test_a_gap_begins_where_the_log_was_last_known_to_be_whole() -> None:
    made = after([])
    made.flushed(12.5)
    made.killed()
    assert {gap.start for source in ("attempts", "calls") for gap in made.gaps(source)} == {12.5}


def test_what_is_over_can_be_forgotten_and_what_goes_on_cannot() -> None:
    made = after(["killed"])
    made.forget()
    (gap,) = made.gaps("calls")
    assert gap.end < FOREVER  # told as it is now
    assert not list(made.gaps("attempts"))
    made.started()
    made.forget()
    assert not list(made.gaps("calls"))


def test_what_was_lost_under_load_concerns_all_that_went_before() -> None:
    made = after([])
    made.lost("calls", "1 of 2 requests logged")
    (gap,) = made.gaps("calls")
    assert (gap.why, gap.start) == ("1 of 2 requests logged", 0.0)
