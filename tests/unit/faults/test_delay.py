import pytest

from testbed.errors import FaultError
from testbed.faults import delay
from testbed.faults.operations import Rule, Scope
from tests.kit.fault_context import BARE, CONTEXT, EMPTY

EDGE = "checkout -> pricing"


def test_one_rule_for_all_inlets_of_the_edge():
    (rule,) = delay(ms=800).on(EDGE).operations(CONTEXT, "f3")
    inlets = ("127.9.2.1:20001", "127.9.2.2:20001", "127.9.2.1:20002", "127.9.2.2:20002")
    assert rule == Rule("f3", inlets, delay_ms=800, scope=Scope(seed=7))


def test_a_share_of_the_users_is_exact_fixed_and_drawn_by_the_seed():
    (rule,) = delay(ms=8).on(EDGE).for_users(percent=7).operations(CONTEXT, "f1")
    (again,) = delay(ms=8).on(EDGE).for_users(percent=7).operations(CONTEXT, "f2")
    assert len(rule.scope.users) == 7
    assert rule.scope.users == again.scope.users


def test_another_seed_draws_other_users():
    other = type(CONTEXT)(CONTEXT.links, CONTEXT.replicas, CONTEXT.users, seed=8)
    fault = delay(ms=8).on(EDGE).for_users(percent=7)
    assert fault.operations(CONTEXT, "f1")[0].scope.users != fault.operations(other, "f1")[0].scope.users


def test_scopes_add_up():
    (rule,) = delay(ms=8).on(EDGE).for_cohort("trondheim").for_attempts(1, 2).operations(CONTEXT, "f1")
    assert (rule.scope.cohort, rule.scope.attempts) == ("trondheim", frozenset({1, 2}))


def test_named_users_need_no_load():
    (rule,) = delay(ms=8).on(EDGE).for_users("u1", "u2").operations(EMPTY, "f1")
    assert rule.scope.users == frozenset({"u1", "u2"})


def test_a_share_of_users_needs_a_load():
    with pytest.raises(FaultError, match="inject while a load runs, or name the users"):
        delay(ms=8).on(EDGE).for_users(percent=5).operations(EMPTY, "f1")


def test_an_unknown_cohort_names_the_nearest():
    with pytest.raises(FaultError, match="no cohort 'trondhiem'.*did you mean 'trondheim'"):
        delay(ms=8).on(EDGE).for_cohort("trondhiem").operations(CONTEXT, "f1")


@pytest.mark.parametrize("percent", [0, -1, 500])
@pytest.mark.parametrize("method", ["for_users", "for_requests"])
def test_a_share_is_above_0_and_at_most_100(method, percent):
    with pytest.raises(FaultError, match="percent is above 0 and at most 100"):
        getattr(delay(ms=8), method)(percent=percent)


def test_two_ways_to_choose_users_contradict():
    with pytest.raises(FaultError, match="contradicts the existing scope"):
        delay(ms=8).for_cohort("trondheim").for_users(percent=5)


def test_users_and_a_share_are_one_or_the_other():
    with pytest.raises(FaultError, match="one of the two"):
        delay(ms=8).for_users("u1", percent=5)


@pytest.mark.parametrize("attempts", [(), (0,), (-1,)])
def test_attempts_count_from_one(attempts):
    with pytest.raises(FaultError, match="attempt numbers from 1 on"):
        delay(ms=8).for_attempts(*attempts)


def test_an_edge_without_request_faults_says_so():
    with pytest.raises(FaultError, match="checkout -> pricing has requestFaults: off"):
        delay(ms=8).on(EDGE).operations(BARE, "f1")


@pytest.mark.parametrize("ms", [0, -3, 0.5, 4e6])
def test_a_bad_time_is_refused(ms):
    with pytest.raises(FaultError, match="ms"):
        delay(ms=ms)


def test_it_prints_as_it_was_written():
    text = str(delay(ms=800).on(EDGE).for_users(percent=5).for_requests(percent=50).for_attempts(1))
    assert text == (
        "delay(ms=800).on('checkout -> pricing').for_users(percent=5).for_requests(percent=50).for_attempts(1)"
    )
