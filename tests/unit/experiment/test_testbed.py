"""A load that a test leaves on ends with the test, and one that cannot begin leaves no driver behind."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from testbed import TestbedError, get, steady
from testbed.evidence.recorder import Recorder
from testbed.experiment import testbed as live
from testbed.experiment.planning import plan_for
from testbed.experiment.testbed import Testbed
from testbed.injection.toxiproxy.links import Links
from testbed.load.schedule import Planned
from testbed.plan.values import AddressSpace
from testbed.spec.topology import Topology

SHOP = Topology.model_validate({"name": "t", "entry": "a", "services": {"a": {"language": "go"}}})
SHAPE = steady(get("/"), rps=50)


class Machine:
    """A runtime whose processes all live."""

    def __init__(self) -> None:
        self.stopped = False

    def reach(self, address: str) -> str:
        return address

    def inside(self, name: str) -> tuple[str, ...]:
        return ()

    def alive(self, name: str) -> bool:
        return True

    def restart_all(self, names: Any) -> None:
        pass

    def stop(self) -> None:
        self.stopped = True

    def release(self) -> None:
        pass


class Sender:
    """A load driver to which everything is answered at once, and which remembers whether it was closed."""

    def __init__(self, *args: object) -> None:
        self.sent: list[Planned] = []
        self.closed = False

    def start(self) -> Sender:
        return self

    def send(self, planned: list[Planned], phase: str = "", start_at: float | None = None) -> None:
        self.sent += planned

    def results(self) -> list[Planned]:
        return list(self.sent)

    def stop(self, until: float) -> None:
        """Everything has been sent."""

    def close(self) -> None:
        self.closed = True


class Sampler:
    """Looks at nothing."""

    def __init__(self) -> None:
        self.stopped = False

    def boundary(self) -> None:
        pass

    def stop(self) -> None:
        self.stopped = True


class Drivers(list[Sender]):
    """Every driver that was started."""

    def __call__(self, *args: object) -> Sender:
        self.append(Sender())
        return self[-1]


@pytest.fixture
def drivers(monkeypatch: pytest.MonkeyPatch) -> Drivers:
    made = Drivers()
    monkeypatch.setattr(live, "Driver", made)
    monkeypatch.setattr(live.binaries, "find", Path)
    monkeypatch.setattr(Testbed, "_watch", lambda bed: Sampler())
    monkeypatch.setattr(Recorder, "begin", lambda recorder: None)
    monkeypatch.setattr(Links, "verify_clean", lambda links: [])
    return made


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def bed(drivers: Drivers, machine: Any, tmp_path: Path) -> Testbed:
    return Testbed(plan_for(SHOP, AddressSpace("127.9")), machine, tmp_path, machine)


def begin(bed: Testbed) -> None:
    """Begin a load that goes on sending, outside of any `with` block."""
    bed.load(SHAPE).run(for_s=0.05)
    assert sending()


def sending() -> bool:
    return any(thread.name == "testbed-load" for thread in threading.enumerate())


def test_a_load_that_was_left_on_sends_nothing_after_the_clean_up(bed: Testbed, drivers: Drivers) -> None:
    begin(bed)
    with pytest.warns(UserWarning, match=r"a test left its load on, .* write `with shop.load\(...\) as traffic:`"):
        bed.clean()
    (driver,) = drivers
    assert driver.sent
    assert driver.closed
    assert not sending()


def test_after_the_clean_up_there_can_be_another_load(bed: Testbed, drivers: Drivers) -> None:
    begin(bed)
    with pytest.raises(TestbedError, match="there is a load already"):
        bed.load(SHAPE)
    with pytest.warns(UserWarning, match="left its load on"):
        bed.clean()
    with bed.load(SHAPE):
        assert [driver.closed for driver in drivers] == [True, False]


def test_a_load_that_never_ran_is_ended_as_well(bed: Testbed, drivers: Drivers) -> None:
    bed.load(SHAPE)
    with pytest.warns(UserWarning, match="left its load on"):
        bed.clean()
    assert drivers[0].closed


def test_nothing_is_said_of_a_load_that_has_ended(bed: Testbed, drivers: Drivers) -> None:
    with bed.load(SHAPE):
        pass
    bed.clean()
    assert drivers[0].closed


def test_a_mesh_that_is_stopped_ends_its_load(bed: Testbed, drivers: Drivers, machine: Machine) -> None:
    begin(bed)
    bed.stop()
    assert drivers[0].closed
    assert machine.stopped
    assert not sending()


@pytest.mark.parametrize("error", [TestbedError("no probe"), KeyboardInterrupt()], ids=["trouble", "Ctrl-C"])
def test_a_load_that_cannot_begin_leaves_no_driver(
    bed: Testbed, drivers: Drivers, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    errors = [error]

    def watch(bed: Testbed) -> Sampler:
        for one in errors:
            raise one
        return Sampler()

    monkeypatch.setattr(Testbed, "_watch", watch)
    with pytest.raises(type(error)):
        bed.load(SHAPE)
    assert [driver.closed for driver in drivers] == [True]
    errors.clear()
    with bed.load(SHAPE):
        assert not drivers[1].closed


def test_a_shape_that_cannot_be_planned_starts_no_driver(
    bed: Testbed, drivers: Drivers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*args: object, **more: object) -> None:
        raise ValueError("no schedule")

    monkeypatch.setattr(live, "Schedule", fails)
    with pytest.raises(ValueError, match="no schedule"):
        bed.load(SHAPE)
    assert drivers == []
