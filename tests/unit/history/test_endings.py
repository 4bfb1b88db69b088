from testbed.history.endings import endings
from testbed.history.events import ProcessEvent
from tests.kit.story import EPOCH, Story

TOPOLOGY = {"name": "s", "entry": "api", "services": {"api": {"command": "npm start"}, "stub": {}}}


def told(*events):
    story = Story(topology=TOPOLOGY)
    story.events += events
    return list(endings(story.history.index))


def test_a_wrapper_that_ended_first_is_named_with_its_command():
    (said,) = told(ProcessEvent(EPOCH, "api-1/app", "ended", "0.03 s after SIGTERM", ("node (pid 12)",)))
    assert said.startswith("api-1/app (npm start) ended first, 0.03 s after SIGTERM, while node (pid 12) still ran")


def test_what_did_not_end_is_named_and_what_ended_well_is_not():
    assert told(ProcessEvent(EPOCH, "stub-1/app", "killed", "it still ran 3 s after it was asked to end")) == [
        "stub-1/app was killed: it still ran 3 s after it was asked to end"
    ]
    assert told(ProcessEvent(EPOCH, "api-1/app", "ended", "0.3 s after SIGTERM")) == []
