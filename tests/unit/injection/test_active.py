"""What is in force: operations and record change together, and links that guard a restart are down only meanwhile."""

import pytest

from testbed.errors import TestbedError
from testbed.faults import abort, kill, memory_limit, packet_loss, pause, restart
from testbed.faults.resolved import resolve
from testbed.injection.active import ActiveFaults
from testbed.injection.dispatch import EngineSet
from testbed.injection.inlet.engine import RuleEngine
from testbed.injection.ledger import FOREVER, FaultLedger
from testbed.injection.processes import ProcessActions
from testbed.injection.toxiproxy.engine import LinkEngine
from tests.kit.fault_context import CONTEXT
from tests.kit.fault_plane import Packets, Plane

EDGE = "checkout -> pricing"


class Mesh:
    """A plane, with what is in force on it and the record of that."""

    def __init__(self, dry=False, **plane):
        self.plane, self.ledger = Plane(**plane), FaultLedger()
        engines = EngineSet(
            LinkEngine(self.plane), RuleEngine(self.plane), ProcessActions(self.plane), Packets(self.plane)
        )
        self.active = ActiveFaults(engines, self.ledger, dry=dry)

    def activate(self, fault):
        resolved = resolve(fault, CONTEXT, "f1")
        self.active.activate(resolved, resolved)
        return resolved

    @property
    def done(self):
        return [what for what, *_ in self.plane.done]


def test_what_is_activated_is_on_record_until_it_is_deactivated():
    mesh = Mesh()
    fault = mesh.activate(pause().on(replica="auth-1"))
    assert mesh.ledger.events[0].end == FOREVER
    mesh.active.deactivate(fault)
    assert mesh.done == ["pause", "resume"]
    assert mesh.ledger.events[0].end < FOREVER
    assert mesh.ledger.events[0].healing_s >= 0


def test_deactivating_twice_undoes_once():
    mesh = Mesh()
    fault = mesh.activate(pause().on(replica="auth-1"))
    mesh.active.deactivate(fault)
    mesh.active.deactivate(fault)
    assert mesh.done == ["pause", "resume"]


def test_a_momentary_fault_is_over_when_it_has_been_activated():
    mesh = Mesh()
    mesh.activate(restart().on(replica="auth-1"))
    assert mesh.done == ["apply", "apply", "kill", "restart", "undo", "undo"]
    (event,) = mesh.ledger.events
    assert event.start <= event.end < FOREVER


def test_links_that_guard_a_restart_are_open_while_the_fault_is_in_force():
    mesh = Mesh()
    fault = mesh.activate(memory_limit(mb=64).on(replica="auth-1"))
    assert mesh.done == ["apply", "apply", "confine", "undo", "undo"]
    mesh.active.deactivate(fault)
    assert mesh.done[5:] == ["apply", "apply", "restart", "undo", "undo"]


def test_what_could_not_be_undone_is_no_longer_in_force_and_names_its_fault():
    mesh = Mesh(fails=["restart"])
    fault = mesh.activate(kill().on(replica="auth-1"))
    with pytest.raises(TestbedError, match=r"^healing kill\(\).on\(replica='auth-1'\) failed: cannot restart$"):
        mesh.active.deactivate(fault)
    assert mesh.done == ["apply", "apply", "kill", "undo", "undo"]
    assert mesh.ledger.events[0].end < FOREVER


def test_hits_are_written_into_the_open_window():
    mesh = Mesh()
    fault = mesh.activate(packet_loss(percent=5).on(EDGE))
    assert mesh.ledger.events[0].packets is None
    mesh.active.count_hits()
    assert mesh.ledger.events[0].packets == 7
    assert mesh.ledger.events[0].text == f"{fault} (roughly)"


def test_dry_only_rules_are_set_and_they_only_mark():
    mesh, rules = Mesh(dry=True), []
    mesh.plane.set = rules.extend
    mesh.activate(kill().on(replica="auth-1"))
    mesh.activate(abort(503).on(EDGE))
    assert mesh.done == []
    assert [(rule.abort, rule.delay_ms) for rule in rules] == [(None, 0)]
    assert not any(event.injected for event in mesh.ledger.events)
