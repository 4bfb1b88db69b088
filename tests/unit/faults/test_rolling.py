import pytest

from testbed.errors import FaultError
from testbed.faults import abort, connection_refused, kill, latency, outage, restart, rolling, slow_start
from tests.kit.fault_context import CONTEXT

EDGE = "checkout -> pricing"


def turns(fault):
    return [(step.after_s, str(step.part), step.for_s) for step in fault.steps(CONTEXT)]


def test_each_replica_has_its_turn_and_the_next_follows_at_once():
    first, second = (str(connection_refused().on(replica=f"pricing-{n}")) for n in (1, 2))
    assert turns(rolling(outage("pricing"), every_s=3)) == [(0, first, 3), (0, second, 3)]


def test_shorter_turns_leave_a_pause():
    first, second = (str(kill().on(replica=f"pricing-{n}")) for n in (1, 2))
    assert turns(rolling(kill().on(service="pricing"), every_s=3, for_s=1)) == [(0, first, 1), (2, second, 1)]


def test_faults_that_end_by_themselves_take_their_own_time():
    assert [(a, s) for a, _, s in turns(rolling(restart().on(service="pricing"), every_s=3))] == [(0, 0), (3, 0)]
    slow = rolling(slow_start(takes_s=1).on(service="pricing"), every_s=3)
    assert [(a, s) for a, _, s in turns(slow)] == [(0, 1), (2, 1)]


def test_an_edge_stays_the_target_and_a_scope_stays_the_scope():
    parts = rolling(abort(503).on(EDGE).for_users("u1"), every_s=3).parts(CONTEXT)
    assert [str(part) for part in parts] == [
        f"abort(status=503).on('{EDGE}', replica='pricing-{n}').for_users('u1')" for n in (1, 2)
    ]


def test_the_whole_can_wait():
    assert [after for after, *_ in turns(rolling(outage("pricing"), every_s=3, for_s=1).after(s=5))] == [5, 2]


def test_all_its_operations_and_links_are_known_beforehand():
    fault = rolling(outage("pricing"), every_s=3)
    assert set(fault.operations(CONTEXT, "f1")) == set(outage("pricing").operations(CONTEXT, "f1"))
    assert set(fault.affected_links(CONTEXT)) == set(outage("pricing").affected_links(CONTEXT))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: rolling(outage("pricing"), every_s=0), "every_s must be above 0"),
        (lambda: rolling(outage("pricing"), every_s=1, for_s=-1), "for_s must be above 0"),
        (lambda: rolling(outage("pricing"), every_s=1, for_s=2), "each step takes 2 s, longer than every_s"),
        (
            lambda: rolling(slow_start(takes_s=2).on(service="pricing"), every_s=1),
            "slow_start.* longer than every_s",
        ),
        (lambda: rolling(restart().on(service="pricing"), every_s=1, for_s=1), "ends by itself"),
        (
            lambda: rolling(outage("pricing", replicas=1), every_s=1).parts(CONTEXT),
            "leave it out for one replica after the other",
        ),
        (lambda: rolling(kill().on(replica="auth-1"), every_s=1).parts(CONTEXT), "cannot go from replica to replica"),
        (lambda: rolling(latency(ms=5), every_s=1).parts(CONTEXT), "has no target"),
        (lambda: rolling(outage("pricin"), every_s=1).parts(CONTEXT), "did you mean 'pricing'"),
    ],
)
def test_bad_input_is_refused(make, words):
    with pytest.raises(FaultError, match=words):
        make()
