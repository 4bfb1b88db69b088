"""A mesh of which nothing runs, with everything in it that an experiment acts on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from testbed.evidence.recorder import Recorder
from testbed.experiment import assembly
from testbed.experiment.planning import plan_for
from testbed.experiment.record import Record
from testbed.experiment.testbed import Testbed
from testbed.injection.packets.engine import PacketEngine
from testbed.injection.toxiproxy.links import Links
from testbed.plan.values import AddressSpace
from testbed.runtime.tools import binaries
from tests.kit.idle_mesh import SHOP, Drivers, Machine, Sampler

Make = Callable[[Record], Testbed]


@pytest.fixture
def drivers(monkeypatch: pytest.MonkeyPatch) -> Drivers:
    """Every load driver that a mesh of this test starts."""
    made = Drivers()
    monkeypatch.setattr(assembly, "Driver", made)
    monkeypatch.setattr(binaries, "find", Path)
    monkeypatch.setattr(binaries, "versions", lambda: {"load": "1"})
    monkeypatch.setattr(assembly.Parts, "sampler", lambda parts, driver, **_: Sampler())
    monkeypatch.setattr(Recorder, "begin", lambda recorder: None)
    monkeypatch.setattr(Recorder, "collect", lambda recorder, in_flight: [])
    monkeypatch.setattr(Links, "verify_clean", lambda links: [])
    monkeypatch.setattr(PacketEngine, "left", lambda packets: [])
    return made


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def make(drivers: Drivers, machine: Any, tmp_path: Path) -> Make:
    """Makes a mesh for the test of a record."""
    return lambda record: Testbed(plan_for(SHOP, AddressSpace("127.9")), machine, tmp_path, machine, record=record)


@pytest.fixture
def bed(make: Make) -> Testbed:
    return make(Record("a.py::test", 7))
