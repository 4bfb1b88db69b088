"""Between two tests: what was broken is mended, what may remember it begins anew, the rest is left alone."""

from __future__ import annotations

import gc
import weakref

import pytest

from testbed import TestbedError
from testbed.experiment import reset
from testbed.experiment.reset import Cleaner
from testbed.experiment.testbed import Testbed
from testbed.faults import delay
from testbed.history.events import PolicyEvent
from testbed.injection.ledger import window
from testbed.plan.make import Plan
from tests.kit.idle_mesh import SHAPE, Machine


@pytest.fixture
def cleaner(bed: Testbed) -> Cleaner:
    return Cleaner(bed.parts)


def test_a_clean_mesh_is_left_alone(cleaner: Cleaner, machine: Machine) -> None:
    cleaner.clean(None)
    assert machine.restarted == []


def test_a_proxy_without_a_state_keeps_its_connections(cleaner: Cleaner, machine: Machine) -> None:
    cleaner.note_faulted(["b"])
    cleaner.clean(None)
    assert machine.restarted == []
    assert not cleaner.take_broken_connections()


def test_the_proxies_that_may_have_ejected_a_host_begin_anew_and_only_once(
    cleaner: Cleaner, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("a-1/proxy", "b-1/proxy")
    monkeypatch.setattr(Plan, "proxies_that_remember", lambda plan, services: names if services else ())
    monkeypatch.setattr(reset, "remembering", lambda plan, recorder, proxies: sorted(proxies)[:1])
    cleaner.note_faulted(["b"])
    cleaner.clean(None)
    assert machine.restarted == ["a-1/proxy"]
    cleaner.clean(None)
    assert len(machine.restarted) == 1
    assert cleaner.take_broken_connections()
    assert not cleaner.take_broken_connections()


def test_the_proxies_whose_connections_may_hang_after_lost_packets_begin_anew(
    cleaner: Cleaner, machine: Machine
) -> None:
    cleaner.note_faulted(["b"], packets=True)
    cleaner.clean(None)
    assert machine.restarted == ["a-1/proxy", "b-1/proxy"]


def test_a_dead_app_is_started_again(cleaner: Cleaner, machine: Machine) -> None:
    machine.dead = {"c-1/app"}
    cleaner.clean(None)
    assert machine.restarted == ["c-1/app"]
    assert not machine.dead


def test_services_with_a_reset_path_are_reset(cleaner: Cleaner, bed: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, ...]] = []
    monkeypatch.setattr("testbed.experiment.reset.clients.forget", lambda *args: told.append(args))
    b = bed.topology.services["b"].model_copy(update={"reset_path": "/forget"})
    monkeypatch.setitem(bed.topology.services, "b", b)
    cleaner.clean(None)
    assert told == []
    cleaner.note_faulted(["c"])
    cleaner.clean(None)
    (address,) = [replica.app for replica in bed.plan.replicas if replica.service == "b"]
    assert told == [(address, "/forget", "http")]


@pytest.mark.parametrize(
    ("part", "method", "said"),
    [("links", "verify_clean", "links that are not clean"), ("packets", "left", "packet rules that are in force")],
)
def test_a_fault_that_stays_in_force_is_reported_and_healed_again(
    bed: Testbed, cleaner: Cleaner, machine: Machine, monkeypatch: pytest.MonkeyPatch, part: str, method: str, said: str
) -> None:
    cleaner.note_faulted(["b"], packets=True)
    with monkeypatch.context() as patch:
        patch.setattr(getattr(bed.parts, part), method, lambda: ["one"])
        with pytest.raises(TestbedError, match=f"{said}.* after healing: one"):
            cleaner.clean(None)
    machine.restarted.clear()
    cleaner.clean(None)
    assert machine.restarted


def test_the_warning_of_a_load_that_was_left_on_names_the_line_that_cleaned(bed: Testbed) -> None:
    bed.load(SHAPE)
    with pytest.warns(UserWarning, match="did not end its load") as warned:
        bed.clean()
    assert warned[0].filename == __file__


def test_a_past_load_keeps_neither_its_run_nor_the_faults_and_policies_of_its_history(bed: Testbed) -> None:
    with bed.load(SHAPE) as traffic:
        traffic.run(for_s=0.05)
    bed.parts.swaps.events.append(PolicyEvent(1.0, "a -> b", {}))
    ledger, fault = bed.parts.injector.ledger, delay(ms=1).on("a -> b").for_users(percent=50)
    (resolved,) = bed.parts.injector.check([fault], bed.parts.context({"u1": "", "u2": ""}, 7))
    ledger.open(window(resolved, resolved, 1.0, 2.0))
    past = weakref.ref(traffic.result())
    bed.record.begin_again()
    del traffic
    bed.clean()
    gc.collect()
    assert past() is None
    assert bed.parts.swaps.events == []
    (event,) = ledger.events
    assert (event.start, event.end, event.users, event.links, event.edges) == (1.0, 2.0, None, (), ())


def test_policies_that_changed_before_the_clean_up_still_count_as_broken_connections(
    bed: Testbed, cleaner: Cleaner
) -> None:
    bed.parts.swaps.events.append(PolicyEvent(1.0, "a -> b", {}))
    cleaner.clean(None)
    assert cleaner.take_broken_connections()
    assert not cleaner.take_broken_connections()
