import pytest

from testbed.errors import FaultError
from testbed.faults import kill, restart
from testbed.faults.operations import LinkDown, ProcessAction
from tests.kit.fault_context import CONTEXT


def test_links_close_before_the_process_is_killed():
    assert kill().on(replica="auth-1").operations(CONTEXT, "f1") == (
        LinkDown("checkout-1--auth-1"),
        LinkDown("checkout-2--auth-1"),
        ProcessAction("auth-1", "kill"),
    )


def test_a_service_means_all_its_replicas():
    actions = [op for op in kill().on(service="pricing").operations(CONTEXT, "f1") if isinstance(op, ProcessAction)]
    assert [s.replica for s in actions] == ["pricing-1", "pricing-2"]


def test_an_edge_is_no_target_for_a_process():
    with pytest.raises(FaultError, match=r"takes \.on\(replica=...\) or \.on\(service=...\), not an edge"):
        kill().on("checkout -> pricing").operations(CONTEXT, "f1")


def test_a_request_scope_is_refused():
    with pytest.raises(FaultError, match=r"up or down for all callers.*abort\(503\)\.for_cohort"):
        kill().on(service="auth").for_cohort("trondheim")


def test_a_restart_is_a_kill_that_ends_by_itself():
    assert restart.momentary
    assert restart().on(replica="auth-1").operations(CONTEXT, "f1") == kill().on(replica="auth-1").operations(
        CONTEXT, "f1"
    )
