"""The labels of a run name its owner and its user."""

from testbed.runtime.docker import labels
from testbed.runtime.owner import me, user


def test_a_new_run_is_of_this_process_and_of_this_user() -> None:
    marks = labels.of_a_new_run()
    assert labels.owner(marks) == me()
    assert labels.is_of_this_user(marks)
    assert marks[labels.RUN] != labels.of_a_new_run()[labels.RUN]


def test_another_user_and_no_user_are_not_this_one() -> None:
    assert not labels.is_of_this_user({labels.USER: str(user() + 1)})
    assert not labels.is_of_this_user({})


def test_labels_without_an_owner_have_none() -> None:
    assert labels.owner({labels.OWNER: "x", labels.STARTED: "1"}) is None
