"""`testbed support` tells the truth: what it says no to is refused, with what it names instead."""

import pytest
from click.testing import CliRunner

from testbed.checks import CHECKS, at_most_once, attempts, judge
from testbed.errors import CheckError, FaultError, TopologyError
from testbed.experiment.planning import plan_for
from testbed.faults import FAULTS
from testbed.faults.base import LinkFault, RequestFault
from testbed.frontends.cli import protocol_support
from testbed.frontends.cli.main import main
from testbed.frontends.cli.protocol_support import PROTOCOLS, run_over
from testbed.frontends.cli.support import TARGETS, checks, context_of, example, examples, faults, settings, sources
from testbed.plan.values import AddressSpace
from tests.kit.story import EDGE, SOURCES, Story

ROWS = {row["fault"]: row for row in faults()}
CONTEXTS = {name: context_of(plan_for(topology, AddressSpace("127.50"))) for name, topology in settings().items()}


def test_every_registered_fault_and_check_has_a_row():
    assert list(ROWS) == sorted(FAULTS)
    assert [row["check"] for row in checks()] == sorted(CHECKS)


@pytest.mark.parametrize("name", sorted(name for name, kind in FAULTS.items() if issubclass(kind, RequestFault)))
def test_request_faults_need_an_inlet_and_name_the_link_fault(name):
    fault, row = example(FAULTS[name]), ROWS[name]
    assert (row["mesh: none"], row["requestFaults: off"]) == ("edge, service, replica", f"no: {fault.twin}")
    assert row["scopes"] == "users, cohort, requests, attempts"
    for aim in ({"edge": TARGETS["edge"]}, {"service": TARGETS["service"]}, {"replica": TARGETS["replica"]}):
        with pytest.raises(FaultError, match="requestFaults: off") as refused:
            fault.on(**aim).operations(CONTEXTS["requestFaults: off"], "f1")
        assert fault.twin in str(refused.value)


@pytest.mark.parametrize("name", sorted(name for name, kind in FAULTS.items() if issubclass(kind, LinkFault)))
def test_link_faults_act_on_every_mesh_and_name_the_request_fault_for_a_scope(name):
    row = ROWS[name]
    assert len({row[setting] for setting in CONTEXTS}) == 1
    assert row["scopes"] == "-"
    with pytest.raises(FaultError, match="is not possible") as refused:
        example(FAULTS[name]).for_users(percent=5)
    assert example(FAULTS[name]).twin in str(refused.value)


@pytest.mark.parametrize("name", sorted(name for name, kind in FAULTS.items() if kind.on_proxies))
def test_a_proxy_is_a_target_if_there_is_one(name):
    row = ROWS[name]
    assert row["mesh: envoy"] == row["placement: node"] == "service, replica, proxy"
    assert row["mesh: none"] == "service, replica"
    with pytest.raises(FaultError, match=r"this mesh has none. Use \.on\(replica="):
        example(FAULTS[name]).on(proxy="front-1").operations(CONTEXTS["mesh: none"], "f1")


def test_policies_need_a_proxy_too():
    with pytest.raises(TopologyError, match=r"no proxy to enforce policies; use mesh: envoy"):
        settings()["mesh: none"].with_overrides(policies={TARGETS["edge"]: {"timeout": "1s"}})


def test_special_requirements_of_faults_are_listed():
    needed = {name: row["needs"] for name, row in ROWS.items() if row["needs"] != "-"}
    assert needed.pop("memory_limit") == "control groups"
    assert set(needed) == {name for name, kind in FAULTS.items() if kind.plane == "packets"}


def test_a_check_that_lacks_evidence_is_inconclusive():
    rows = {row["check"]: row["mesh: none"] for row in checks()}
    assert {name for name, said in rows.items() if said != "yes"} == set()
    story = Story(sources=sorted(sources("none")), mesh="none")
    requests = story.phase("hold", 100)
    story.fault(0.0, 1.0)
    story.attempts(requests)
    assert story.verdict(attempts(EDGE, at_most=1)).outcome == "held"
    bare = Story(sources=["requests", "attempts"], mesh="none")
    bare.attempts(bare.phase("hold", 100))
    verdict = bare.verdict(at_most_once(EDGE))
    assert (verdict.outcome, verdict.why) == (
        "inconclusive",
        "the record of arrivals on checkout -> pricing is not complete: mesh none does not record arrivals",
    )
    assert "testbed support" in verdict.next
    assert sources("envoy") == {*SOURCES, "samples"}


def test_the_command_prints_both_tables_and_a_legend():
    told = CliRunner().invoke(main, ["support"])
    assert told.exit_code == 0
    assert [told.output.count(f"\n{name} ") for name in ("abort", "circuit_breaker", "no: ")] == [2, 2, 0]
    assert "itself: its own arguments name the target" in told.output


def test_only_edges_into_an_external_service_take_faults():
    column = {row["fault"]: row["address: of the callee"] for row in faults()}
    assert column["kill"] == column["restart"] == "proxy"
    assert column["cpu_limit"] == column["slow_start"] == column["graceful_restart"] == "no"
    assert column["latency"] == column["delay"] == "edge, service, replica"


# -- by the protocol of an edge

BY_PROTOCOL = {row["fault"]: row for row in protocol_support.faults()}
OF_THE_LOAD = "a check of the load's requests, such as availability"


@pytest.fixture(scope="module")
def judged():
    """The rows of the checks; not when tests are collected, which every worker of xdist does."""
    return {row["check"]: row for row in protocol_support.checks()}


def test_every_fault_and_check_has_a_row_and_every_protocol_a_column(judged):
    assert list(BY_PROTOCOL) == sorted(FAULTS)
    assert list(judged) == sorted(CHECKS)
    assert {tuple(row) for row in BY_PROTOCOL.values()} == {("fault", *PROTOCOLS)}
    assert {tuple(row) for row in judged.values()} == {("check", *PROTOCOLS)}


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_every_check_is_evaluated(name):
    assert list(examples(CHECKS[name]))


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_http_2_takes_every_fault_as_http_does(name):
    row = BY_PROTOCOL[name]
    assert row["http"] == row["http2"] == ROWS[name]["mesh: envoy"]


@pytest.mark.parametrize("name", sorted(name for name, kind in FAULTS.items() if issubclass(kind, RequestFault)))
def test_tcp_has_no_request_faults_and_grpc_has_grpc_statuses(name):
    row = BY_PROTOCOL[name]
    assert row["tcp"] == f"no: {example(FAULTS[name]).twin}"
    assert row["grpc"] == row["http"] + (" (grpc_status=)" if name == "abort" else "")


@pytest.mark.parametrize("name", sorted(name for name, kind in FAULTS.items() if issubclass(kind, LinkFault)))
def test_link_faults_work_for_every_protocol(name):
    assert len({BY_PROTOCOL[name][protocol] for protocol in PROTOCOLS}) == 1


def test_what_is_counted_by_request_or_by_status_depends_on_the_protocol(judged):
    assert judged["call_statuses"] == {
        "check": "call_statuses",
        "http": "with status=",
        "http2": "with status=",
        "grpc": "with grpc_status=",
        "tcp": f"no: call_statuses on the edge before it, or {OF_THE_LOAD}",
    }
    on_edges = {judged["responses"][protocol] for protocol in ("http", "http2", "grpc")}
    assert on_edges == {"with min_bytes=, content_type="}  # proxies record no bodies
    others = {name: row for name, row in judged.items() if name not in ("call_statuses", "responses")}
    said = {name: row["http"] for name, row in others.items() if row["http"] != "yes"}
    assert said == {"at_most_once": "with at_most="}  # key= needs a header that is recorded
    assert all(row["http"] == row["http2"] == row["grpc"] for row in others.values())
    of_requests = {"availability", "contained", "fallback", "statuses", "p50", "p90", "p99", "quantile"}
    of_requests |= {"bulkhead", "recovery", "max_latency"}  # or of other edges
    of_requests |= {"probe", "probe_availability", "probe_effects", "probe_steady"}  # or of no edge
    assert {name for name, row in others.items() if row["tcp"] == "yes"} == {*of_requests, "outlier_ejection"}
    not_of_the_load = {"retry_amplification", "attempts", "circuit_breaker", "retry_budget"}
    assert {name for name, row in others.items() if row["tcp"] == f"no: {OF_THE_LOAD}"} == not_of_the_load
    of_any_edge = {"deadline_propagation", "call_duration", "at_most_once", "load_shedding"}
    assert {name for name, row in others.items() if "on the edge before it, or" in row["tcp"]} == of_any_edge


def test_a_check_listed_as_impossible_is_an_error():
    with pytest.raises(CheckError, match=r"is a tcp edge.*Use a check of the load's requests"):
        judge(run_over("tcp"), all=[attempts(TARGETS["edge"], at_most=1)])
    (verdict,) = judge(run_over("grpc"), all=[attempts(TARGETS["edge"], at_most=1)]).verdicts
    assert verdict.outcome == "held"
