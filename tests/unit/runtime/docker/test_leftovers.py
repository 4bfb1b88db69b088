"""Two that remove the same leftovers at once: the network is removed when the other has taken its containers out."""

import pytest

from testbed.runtime.docker import labels, leftovers
from testbed.runtime.docker.engine import Refused
from testbed.runtime.owner import user


class Busy:
    """A daemon whose network still has a container in it, for so many requests."""

    def __init__(self, times: int, status: int = leftovers.IN_USE) -> None:
        self.times, self.status, self.removed = times, status, list[str]()

    def remove(self, container: str) -> None:
        self.removed.append(container)

    def remove_network(self, name: str) -> None:
        self.times -= 1
        if self.times >= 0:
            raise Refused("has active endpoints", self.status)
        self.removed.append(name)


MINE = {labels.USER: str(user())}
THINGS = [("network", "n", MINE), ("container", "c", MINE)]


def test_a_network_in_use_is_removed_when_it_is_free() -> None:
    engine = Busy(3)
    leftovers.remove_things(engine, THINGS)
    assert engine.removed == ["c", "n"]


def test_any_other_refusal_is_an_error_at_once() -> None:
    engine = Busy(3, status=500)
    with pytest.raises(Refused, match="active endpoints"):
        leftovers.remove_things(engine, THINGS)
    assert engine.times == 2


def test_a_network_that_stays_in_use_is_an_error() -> None:
    with pytest.raises(Refused, match="active endpoints"):
        leftovers.remove_things(Busy(10**6), THINGS, patience_s=0)


def test_a_network_of_a_dead_owner_in_use_does_not_stop_a_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "_listed", lambda *_: THINGS)
    monkeypatch.setattr(leftovers.labels, "owner", lambda _: "somebody")
    monkeypatch.setattr(leftovers, "state", lambda _: leftovers.State.DEAD)
    engine = Busy(10**6)
    leftovers.sweep(engine)
    assert engine.removed == ["c"]
    assert engine.times == 10**6 - 1


def test_any_other_refusal_stops_a_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "_listed", lambda *_: THINGS)
    monkeypatch.setattr(leftovers.labels, "owner", lambda _: "somebody")
    monkeypatch.setattr(leftovers, "state", lambda _: leftovers.State.DEAD)
    with pytest.raises(Refused, match="active endpoints"):
        leftovers.sweep(Busy(10**6, status=500))


@pytest.mark.parametrize("marks", [{labels.USER: str(user() + 1)}, {}], ids=["of another user", "of nobody"])
def test_what_is_not_labelled_with_this_user_is_never_removed(
    monkeypatch: pytest.MonkeyPatch, marks: dict[str, str]
) -> None:
    """Also where /proc hides the processes of others, so that their living owners look dead."""
    theirs = [(kind, name, marks) for kind, name, _ in THINGS]
    monkeypatch.setattr(leftovers, "_listed", lambda *_: [*theirs, ("container", "mine", MINE)])
    monkeypatch.setattr(leftovers.labels, "owner", lambda _: "somebody")
    monkeypatch.setattr(leftovers, "state", lambda _: leftovers.State.DEAD)
    engine = Busy(0)
    leftovers.sweep(engine)
    assert engine.removed == ["mine"]
