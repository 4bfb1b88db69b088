"""A load that a test leaves on ends with the test, and one that cannot begin leaves no driver behind."""

from __future__ import annotations

import threading

import pytest

from testbed import TestbedError
from testbed.evidence.probing.prober import Prober
from testbed.experiment import recording
from testbed.experiment.assembly import Parts
from testbed.experiment.testbed import Testbed
from tests.kit.idle_mesh import SHAPE, Drivers, Machine, Sampler, Sender


def begin(bed: Testbed) -> None:
    """Begin a load that goes on sending, outside of any `with` block."""
    bed.load(SHAPE).run(for_s=0.05)
    assert sending()


def sending() -> bool:
    return any(thread.name == "testbed-load" for thread in threading.enumerate())


def test_a_load_that_was_left_on_sends_nothing_after_the_clean_up(bed: Testbed, drivers: Drivers) -> None:
    begin(bed)
    with pytest.warns(
        UserWarning, match=r"a.py::test did not end its load \(load, drain\), .* write `with shop.load\(...\)"
    ):
        bed.clean()
    (driver,) = drivers
    assert driver.sent
    assert driver.closed
    assert not sending()


def test_after_the_clean_up_there_can_be_another_load(bed: Testbed, drivers: Drivers) -> None:
    begin(bed)
    with pytest.raises(TestbedError, match="there is a load already"):
        bed.load(SHAPE)
    with pytest.warns(UserWarning, match="did not end its load"):
        bed.clean()
    with bed.load(SHAPE):
        assert [driver.closed for driver in drivers] == [True, False]


def test_a_load_that_never_ran_is_ended_as_well(bed: Testbed, drivers: Drivers) -> None:
    bed.load(SHAPE)
    with pytest.warns(UserWarning, match="did not end its load"):
        bed.clean()
    assert drivers[0].closed


def test_nothing_is_said_of_a_load_that_has_ended(bed: Testbed, drivers: Drivers) -> None:
    with bed.load(SHAPE):
        pass
    bed.clean()
    assert drivers[0].closed


def test_a_mesh_that_is_stopped_ends_its_load(bed: Testbed, drivers: Drivers, machine: Machine) -> None:
    begin(bed)
    with pytest.warns(UserWarning, match="a.py::test did not end its load") as warned:
        bed.stop()
    assert warned[0].filename == __file__
    assert drivers[0].closed
    assert machine.stopped
    assert not sending()


@pytest.mark.parametrize("error", [TestbedError("no probe"), KeyboardInterrupt()], ids=["trouble", "Ctrl-C"])
def test_a_load_that_cannot_begin_has_started_nothing(
    bed: Testbed, drivers: Drivers, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def sampler(parts: Parts, driver: Sender, *, probed: bool = False) -> Sampler:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(Parts, "sampler", sampler)
        with pytest.raises(type(error)):
            bed.load(SHAPE)
    assert [driver.started for driver in drivers] == [False]
    with bed.load(SHAPE):
        assert drivers[1].started
        assert not drivers[1].closed


@pytest.mark.parametrize("error", [TestbedError("no process"), KeyboardInterrupt()], ids=["trouble", "Ctrl-C"])
@pytest.mark.parametrize("part", [Sender, Sampler, Prober])
def test_a_start_that_breaks_off_ends_what_was_started(
    bed: Testbed, drivers: Drivers, monkeypatch: pytest.MonkeyPatch, part: type, error: BaseException
) -> None:
    samplers: list[Sampler] = []

    def sampler(parts: Parts, driver: Sender, *, probed: bool = False) -> Sampler:
        samplers.append(Sampler())
        return samplers[-1]

    def breaks(self: object) -> None:
        assert bed.running_load is not None  # its owner exists before anything starts
        raise error

    monkeypatch.setattr(Parts, "sampler", sampler)
    with monkeypatch.context() as patch:
        patch.setattr(part, "start", breaks)
        with pytest.raises(type(error)):
            bed.load(SHAPE)
    assert bed.running_load is None
    assert drivers[0].closed
    assert samplers[0].stopped
    with bed.load(SHAPE):
        assert samplers[1].started


def test_a_shape_that_cannot_be_planned_starts_no_driver(
    bed: Testbed, drivers: Drivers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*args: object, **more: object) -> None:
        raise ValueError("no schedule")

    monkeypatch.setattr(recording, "Schedule", fails)
    with pytest.raises(ValueError, match="no schedule"):
        bed.load(SHAPE)
    assert drivers == []
