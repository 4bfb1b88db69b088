"""How the links are, against how this run has made them: each difference is told in words."""

import pytest

from testbed.faults.operations import Blackhole, LinkDown, Toxic
from testbed.faults.toxics import checked
from testbed.injection.toxiproxy.state import differences, toxic

LINK, WAY = "a-1--b-1", ("127.9.2.1:10001", "127.9.2.1:20001")
SLOW = Toxic(LINK, "latency", "downstream", {"latency": 50, "jitter": 0})
OURS = toxic(SLOW, checked(SLOW))


def told(*operations, name=LINK, **changes):
    proxy = {"name": LINK, "listen": WAY[0], "upstream": WAY[1], "enabled": True, "toxics": [], **changes}
    return differences({name: proxy}, {LINK: WAY}, operations)


@pytest.mark.parametrize(
    ("operations", "changes"),
    [
        ([], {}),
        ([SLOW], {"toxics": [OURS]}),
        ([LinkDown(LINK)], {"enabled": False}),
        ([Blackhole(LINK)], {"enabled": False}),
    ],
    ids=["nothing", "a toxic", "a link down", "a blackhole"],
)
def test_what_this_run_set_is_no_difference(operations, changes):
    assert told(*operations, **changes) == []


@pytest.mark.parametrize(
    ("operations", "changes", "said"),
    [
        ([], {"toxics": [OURS]}, "has a toxic latency_downstream that this run did not set"),
        ([SLOW], {}, "has lost the toxic latency_downstream"),
        ([SLOW], {"toxics": [OURS | {"toxicity": 0.5}]}, "has a toxic latency_downstream that this run did not set"),
        ([], {"enabled": False}, "is closed, which this run did not ask for"),
        ([LinkDown(LINK)], {}, "is open, which this run did not ask for"),
        ([], {"upstream": "127.0.0.1:1"}, "leads from 127.9.2.1:10001 to 127.0.0.1:1, not from"),
    ],
    ids=["a toxic", "a lost toxic", "a changed toxic", "a closed link", "an opened link", "another way"],
)
def test_what_this_run_did_not_set_is_told(operations, changes, said):
    assert any(said in text for text in told(*operations, **changes))


def test_links_that_are_gone_or_of_somebody_else_are_told():
    assert told(name="other") == [
        "Toxiproxy has a link other that this run did not make",
        "the link a-1--b-1 is gone",
    ]
