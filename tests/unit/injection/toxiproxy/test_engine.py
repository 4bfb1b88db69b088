"""Operations on links: all of one fault at once, and every one tried though another fails."""

import threading

import pytest

from testbed.errors import TestbedError, Unsupported
from testbed.faults.operations import Blackhole, LinkDown
from testbed.injection.toxiproxy.engine import LinkEngine

DOWN = [LinkDown(f"a-1--b-{n}") for n in range(1, 5)]


class Links:
    """Remembers what is down; `apply` waits until as many as `together` are under way."""

    def __init__(self, together=1, fails=""):
        self.down, self.fails = set(), fails
        self.barrier = threading.Barrier(together, timeout=60)

    def require(self, operations):
        if any(isinstance(operation, Blackhole) for operation in operations):
            raise Unsupported("no way into the network of links")

    def apply(self, operation):
        self.barrier.wait()
        if operation.link == self.fails:
            raise TestbedError(f"{operation.link} stays open")
        self.down.add(operation.link)

    def undo(self, operation):
        self.down.remove(operation.link)


def test_all_links_of_a_fault_are_changed_at_the_same_time():
    links = Links(together=len(DOWN))
    engine = LinkEngine(links)
    engine.apply(DOWN)
    assert links.down == {one.link for one in DOWN}
    engine.undo(DOWN)
    assert links.down == set()


def test_the_others_are_changed_though_one_fails():
    links = Links(fails="a-1--b-2")
    with pytest.raises(TestbedError, match="a-1--b-2 stays open"):
        LinkEngine(links).apply(DOWN)
    assert links.down == {"a-1--b-1", "a-1--b-3", "a-1--b-4"}


def test_what_the_links_lack_matters_only_where_they_are_really_changed():
    engine = LinkEngine(Links())
    engine.require([Blackhole("a-1--b-1")], dry=True)
    engine.require(DOWN, dry=False)
    with pytest.raises(Unsupported, match="no way into the network of links"):
        engine.require([Blackhole("a-1--b-1")], dry=False)
