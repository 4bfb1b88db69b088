"""Links without a call: when that is a finding, and what the record shows instead."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from testbed.checks import attempts, judge, statuses
from testbed.history.counters import CONNECTIONS
from testbed.history.events import Call, Evidence, Sample
from testbed.history.propagation import context_losses, notes
from testbed.history.unused_links import links_used, unused_links
from tests.kit.story import EDGE, EPOCH, Story
from tests.unit.history.test_propagation import TO_CHECKOUT, shop, told

# -- links that are not used


def test_a_link_that_was_never_used_is_named() -> None:
    (one,) = unused_links(told(calls=0).history.index)
    assert str(one) == (
        "checkout never used its link to pricing in 200 requests: it bypasses the mesh, or it does not call pricing"
    )
    assert "PRICING_URL or PRICING_ADDR" in one.remedy


def test_checks_of_such_a_link_are_inconclusive_and_others_are_not() -> None:
    report = judge(told(calls=0).history, all=[attempts(EDGE, at_most=1), statuses(200)])
    assert [verdict.outcome for verdict in report.verdicts] == ["inconclusive", "held"]
    assert report.verdicts[0].why.startswith("checkout never used its link to pricing in 200 requests")


def test_a_fault_on_such_a_link_alone_proves_nothing() -> None:
    verdict = told(calls=0, scope={"users": None}).verdict(statuses(200))
    assert verdict.outcome == "inconclusive"
    assert verdict.why.startswith("checkout never used its link to pricing")


def test_a_few_requests_prove_nothing_of_a_link() -> None:
    story = Story(topology=shop())
    story.arrivals(story.phase("hold", 19), **TO_CHECKOUT)
    assert unused_links(story.history.index) == ()


@pytest.mark.parametrize(("mesh", "calls", "named"), [("envoy", 1, False), ("envoy", 0, True), ("none", 0, False)])
def test_connections_belong_to_no_request_but_are_seen_by_a_proxy(mesh: str, calls: int, named: bool) -> None:
    topology: dict[str, Any] = shop()
    topology["services"]["pricing"] = {"address": "127.0.0.1:6379", "protocol": "tcp"}
    story = Story(topology=topology, mesh=mesh)
    requests = story.phase("hold", 100)
    story.arrivals(requests, **TO_CHECKOUT)
    story.attempts(requests if calls else [], calls, request="")
    index = story.history.index
    assert (context_losses(index), bool(unused_links(index))) == ((), named)


def test_a_stub_keeps_to_its_wiring() -> None:
    story = Story(
        topology=shop()
        | {"services": {"frontend": {"language": "go", "calls": ["pricing"]}, "pricing": {"language": "go"}}}
    )
    story.phase("hold", 100)
    assert unused_links(story.history.index) == ()


# -- no record of a call is not a proof that there was none


def test_a_link_whose_record_has_a_gap_is_not_called_unused() -> None:
    story = told(calls=0)
    story.events.append(Evidence("attempts", False, "checkout-1/proxy: 1 of 9 requests logged", (EDGE,)))
    story.events.append(Evidence("arrivals", False, "inlet: 1 requests still in flight", (EDGE,)))
    assert unused_links(story.history.index) == ()


def test_where_only_the_inlet_records_it_must_be_there_and_no_fault_may_hide_the_calls() -> None:
    def unseen(**topology: Any) -> tuple[str, ...]:
        story = told(calls=0, scope={"users": None})
        story.events.append(Evidence("attempts", False, "calls of a custom service are recorded only by ...", (EDGE,)))
        run = story.events[0]
        story.events[0] = replace(run, topology=shop() | topology)  # type: ignore[type-var]
        return tuple(str(one) for one in unused_links(story.history.index))

    assert "in 100 requests" in unseen()[0]  # those before the fault
    assert unseen(edges={EDGE: {"requestFaults": False}}) == ()


def test_a_link_with_a_refused_call_or_a_connection_was_used() -> None:
    story = told(calls=0)
    story.events.append(Call("", EDGE, "checkout-1", 0, EPOCH + 1, 1.0, 426, outcome="rejected"))
    assert unused_links(story.history.index) == ()
    waiting = told(calls=0)
    waiting.events.append(Sample(EPOCH + 1, "checkout-1/proxy", {CONNECTIONS: 1.0}, EDGE, ("checkout-1",)))
    assert unused_links(waiting.history.index) == ()


def test_calls_that_the_proxy_did_not_accept_are_named_as_that() -> None:
    story = told(calls=0, scope={"users": None})
    for n in range(20):
        flags = {"flags": "low_version", "outcome": "rejected"}
        story.events.append(
            Call("" if n else "hold-1", EDGE, "checkout-1", 0, EPOCH + 1.5 + n / 100, 1.0, 426, **flags)
        )
    said = f"the caller's proxy did not accept 20 of 20 calls on {EDGE}: 426 (low_version: HTTP/1.0) x 20"
    assert notes(story.history.index)[0].startswith(said)
    assert said in story.verdict(statuses(200)).why
    assert said in story.verdict(attempts(EDGE, at_most=1)).why


def test_a_reader_of_several_runs_asks_which_links_were_used() -> None:
    assert links_used(told().history.index) == {EDGE: ""}
    (said,) = links_used(told(calls=0).history.index).values()
    assert said.startswith("checkout never used its link to pricing in 200 requests")
    assert notes(told(calls=0).history.index, unused=False) == []


def test_calls_that_are_no_valid_http_are_told_in_words_and_lose_no_context() -> None:
    story = told(calls=0, scope={"users": None})
    for n in range(20):
        flags = {"flags": "codec_error", "outcome": "rejected"}
        story.events.append(Call("", EDGE, "checkout-1", 0, EPOCH + 1.5 + n / 100, 1.0, 400, **flags))
    said = " ".join(notes(story.history.index))
    assert "no valid HTTP/1.1, such as two lengths" in said
    assert "does not propagate" not in said
