"""A mesh proxy as a target: who may hit it, what that does, and whom it reaches."""

import pytest

from testbed.errors import FaultError
from testbed.faults import abort, kill, latency, outage, pause, restart
from testbed.faults.conflicts import refuse_contradictions
from testbed.faults.operations import LinkDown, ProcessAction
from testbed.faults.resolved import resolve
from testbed.faults.target import FaultContext
from testbed.plan.values import Link, Node
from tests.kit.fault_context import CONTEXT, REPLICAS, USERS, links

CHECKOUTS = REPLICAS[:2]
SIDECARS = FaultContext(links(), REPLICAS, USERS, seed=7, proxies=CHECKOUTS)
NODE = Node("node-1", "127.9.255.1", (*CHECKOUTS, REPLICAS[2]))
SHARED = tuple(
    Link(
        f"checkout@node-1--{callee.name}",
        "checkout@node-1",
        callee.name,
        f"checkout -> {callee.service}",
        f"{callee.address}:10001",
        f"{callee.address}:20001",
        f"{callee.address}:8080",
        ("checkout-1", "checkout-2"),
    )
    for callee in REPLICAS[2:]
)
NODES = FaultContext(SHARED, REPLICAS, USERS, seed=7, proxies=(NODE,))


def judge(context, *faults):
    refuse_contradictions([resolve(f, context, f"f{n}") for n, f in enumerate(faults)], context.links)


@pytest.mark.parametrize(("fault", "action"), [(kill, "kill"), (restart, "kill"), (pause, "pause")])
def test_one_signal_and_no_link_is_closed(fault, action):
    assert fault().on(proxy="checkout-1").operations(SIDECARS, "f1") == (ProcessAction("checkout-1", action, "proxy"),)
    assert fault().on(proxy="node-1").operations(NODES, "f1") == (ProcessAction("node-1", action, "proxy"),)
    assert ProcessAction("node-1", action, "proxy").process == "node-1/proxy"


def test_it_reaches_the_links_that_begin_at_the_proxy():
    assert [link.name for link in kill().on(proxy="checkout-2").affected_links(SIDECARS)] == [
        "checkout-2--pricing-1",
        "checkout-2--pricing-2",
        "checkout-2--auth-1",
    ]
    assert kill().on(proxy="node-1").affected_links(NODES) == SHARED


def test_a_fault_is_written_as_its_author_did():
    assert str(pause().on(proxy="node-1")) == "pause().on(proxy='node-1')"


@pytest.mark.parametrize("fault", [latency(ms=5), abort(503)])
def test_other_faults_do_not_act_on_proxies(fault):
    with pytest.raises(
        FaultError, match=r"\.on\(proxy='node-1'\) is not possible: kill, pause, restart and crash_loop"
    ):
        fault.on(proxy="node-1")


def test_a_proxy_is_a_target_of_its_own():
    with pytest.raises(FaultError, match="proxy= cannot be combined with another target"):
        kill().on(proxy="node-1", service="pricing")
    with pytest.raises(FaultError, match="has a service already"):
        outage("pricing").on(proxy="node-1")


@pytest.mark.parametrize(
    ("context", "name", "message"),
    [
        (SIDECARS, "chekout-1", "there is no proxy 'chekout-1'.*did you mean 'checkout-1'"),
        (NODES, "checkout-2", "there is no proxy 'checkout-2': the calls of checkout-2 go through node-1"),
        (CONTEXT, "checkout-1", "there is no proxy 'checkout-1': this mesh has none"),
    ],
)
def test_a_proxy_that_is_not_there(context, name, message):
    with pytest.raises(FaultError, match=message):
        kill().on(proxy=name).operations(context, "f1")


def test_app_and_proxy_of_one_replica_are_two_processes():
    judge(SIDECARS, kill().on(service="pricing"), pause().on(proxy="checkout-1"))
    with pytest.raises(FaultError, match="the proxy of node-1 cannot have kill and pause at the same time"):
        judge(NODES, kill().on(proxy="node-1"), pause().on(proxy="node-1"))


@pytest.mark.parametrize("other", [latency(ms=5), abort(503)])
def test_what_only_a_dead_proxy_could_meet_is_a_contradiction(other):
    with pytest.raises(FaultError, match="the proxy of node-1 is down"):
        judge(NODES, kill().on(proxy="node-1"), other.on("checkout -> pricing"))
    judge(SIDECARS, kill().on(proxy="checkout-1"), other.on("checkout -> pricing"))


def test_a_closed_link_hides_no_proxy():
    assert all(not isinstance(op, LinkDown) for op in kill().on(proxy="node-1").operations(NODES, "f1"))
