"""A resolved fault: everything that is asked of a fault in a running mesh, asked once."""

import pytest

from testbed.errors import FaultError
from testbed.faults import abort, kill, latency, outage, rolling
from testbed.faults.resolved import resolve
from testbed.faults.target import FaultContext
from tests.kit.fault_context import CONTEXT, REPLICAS, USERS, links
from tests.kit.fault_plane import ONCE, Asked

EDGE = "checkout -> pricing"
SIDECARS = FaultContext(links(), REPLICAS, USERS, seed=7, proxies=REPLICAS[:2])


def test_it_has_all_that_the_fault_says():
    fault = abort(503).on(EDGE).for_users("u1")
    resolved = resolve(fault, CONTEXT, "f3")
    assert (resolved.fault, resolved.id, str(resolved)) == (fault, "f3", str(fault))
    assert resolved.operations == fault.operations(CONTEXT, "f3")
    assert resolved.links == fault.affected_links(CONTEXT)
    assert (resolved.edges, resolved.behind) == ((EDGE,), ())
    assert resolved.scope == resolved.operations[0].scope
    assert resolved.scope.users == {"u1"}


def test_only_request_faults_have_a_scope():
    assert resolve(latency(ms=5).on(EDGE), CONTEXT, "f1").scope is None


def test_each_edge_is_named_once_in_the_order_of_the_links():
    assert resolve(kill().on(proxy="checkout-1"), SIDECARS, "f1").edges == (EDGE, "checkout -> auth")


@pytest.mark.parametrize(
    ("fault", "behind"), [(kill().on(proxy="checkout-1"), ("checkout-1",)), (kill().on(replica="checkout-1"), ())]
)
def test_who_is_behind_a_proxy_that_is_hit(fault, behind):
    assert resolve(fault, SIDECARS, "f1").behind == behind


def test_a_fault_is_asked_each_thing_once():
    fault = Asked().on(EDGE)
    resolve(fault, CONTEXT, "f1")
    assert fault.questions == ONCE


def test_a_part_is_resolved_for_the_same_injection():
    whole = resolve(rolling(outage("pricing"), every_s=5), CONTEXT, "f2")
    part = whole.part(outage("pricing", replicas=1))
    assert (part.id, part.context) == ("f2", CONTEXT)
    assert {link.callee for link in part.links} == {"pricing-1"}


def test_the_whole_as_its_own_part_is_not_asked_again():
    fault = Asked().on(EDGE)
    whole = resolve(fault, CONTEXT, "f1")
    assert whole.part(fault) is whole
    assert fault.questions == ONCE


def test_what_does_not_fit_is_refused():
    with pytest.raises(FaultError, match="did you mean 'checkout -> pricing'"):
        resolve(latency(ms=5).on("checkout -> prising"), CONTEXT, "f1")
