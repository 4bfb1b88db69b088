"""`testbed support` tells the truth: what it says no to is refused, with what it names instead."""

import pytest
from click.testing import CliRunner
from story import EDGE, SOURCES, Story

from faults import FAULTS
from faults.base import LinkFault, RequestFault
from testbed.checks import CHECKS, attempts, breaker
from testbed.cli import main
from testbed.errors import FaultError, TopologyError
from testbed.plan import Ground
from testbed.planner import make_plan
from testbed.support import AIMS, checks, example, faults, place_of, settings, sources

ROWS = {row["fault"]: row for row in faults()}
PLACES = {name: place_of(make_plan(topology, Ground("127.50"))) for name, topology in settings().items()}


def test_there_is_a_row_for_everything_that_is_registered():
    assert list(ROWS) == sorted(FAULTS)
    assert [row["check"] for row in checks()] == sorted(CHECKS)


@pytest.mark.parametrize("name", sorted(name for name, kind in FAULTS.items() if issubclass(kind, RequestFault)))
def test_request_faults_need_an_inlet_and_name_the_link_fault(name):
    fault, row = example(FAULTS[name]), ROWS[name]
    assert (row["mesh: none"], row["requestFaults: off"]) == ("edge, service, replica", f"no: {fault.twin}")
    assert row["scopes"] == "users, cohort, requests, attempts"
    for aim in ({"edge": AIMS["edge"]}, {"service": AIMS["service"]}, {"replica": AIMS["replica"]}):
        with pytest.raises(FaultError, match="requestFaults: off") as refused:
            fault.on(**aim).operations(PLACES["requestFaults: off"], "f1")
        assert fault.twin in str(refused.value)


@pytest.mark.parametrize("name", sorted(name for name, kind in FAULTS.items() if issubclass(kind, LinkFault)))
def test_link_faults_act_on_every_mesh_and_name_the_request_fault_for_a_scope(name):
    row = ROWS[name]
    assert len({row[setting] for setting in PLACES}) == 1
    assert row["scopes"] == "-"
    with pytest.raises(FaultError, match="is not possible") as refused:
        example(FAULTS[name]).for_users(percent=5)
    assert example(FAULTS[name]).twin in str(refused.value)


@pytest.mark.parametrize("name", sorted(name for name, kind in FAULTS.items() if kind.on_proxies))
def test_a_proxy_is_a_target_where_there_is_one(name):
    row = ROWS[name]
    assert row["mesh: envoy"] == row["placement: node"] == "service, replica, proxy"
    assert row["mesh: none"] == "service, replica"
    with pytest.raises(FaultError, match=r"this mesh has none. Use \.on\(replica="):
        example(FAULTS[name]).on(proxy="front-1").operations(PLACES["mesh: none"], "f1")


def test_policies_need_a_proxy_too():
    with pytest.raises(TopologyError, match=r"no proxy that could enforce them; take mesh: envoy"):
        settings()["mesh: none"].with_overrides(policies={AIMS["edge"]: {"timeout": "1s"}})


def test_what_not_every_machine_has_is_said():
    needed = {name: row["needs"] for name, row in ROWS.items() if row["needs"] != "-"}
    assert needed.pop("memory") == "control groups"
    assert set(needed) == {name for name, kind in FAULTS.items() if kind.plane == "packets"}


def test_a_check_that_lacks_evidence_is_inconclusive():
    rows = {row["check"]: row["mesh: none"] for row in checks()}
    assert {name for name, said in rows.items() if said != "yes"} == {"breaker"}
    assert rows["breaker"] == "in part: shows no samples"
    story = Story(sources=sorted(sources("none")), mesh="none")
    requests = story.phase("hold", 100)
    story.fault(0.0, 1.0)
    story.attempts(requests)
    assert story.verdict(attempts(EDGE, at_most=1)).outcome == "held"
    verdict = story.verdict(breaker(EDGE, probes=1))
    assert (verdict.outcome, verdict.why) == (
        "inconclusive",
        "the record of samples on checkout -> pricing is not complete: mesh none cannot show samples",
    )
    assert "testbed support" in verdict.next
    assert sources("envoy") == {*SOURCES, "samples"}


def test_the_command_prints_both_tables_and_what_their_words_mean():
    told = CliRunner().invoke(main, ["support"])
    assert told.exit_code == 0
    assert [told.output.count(f"\n{name} ") for name in ("abort", "breaker", "no: ")] == [1, 1, 0]
    assert "itself: it has its target from what it is made with" in told.output


def test_only_edges_into_what_runs_already_can_be_broken():
    column = {row["fault"]: row["address: of the callee"] for row in faults()}
    assert column["kill"] == column["restart"] == "proxy"
    assert column["cpu"] == column["slow_start"] == column["graceful_restart"] == "no"
    assert column["latency"] == column["delay"] == "edge, service, replica"
