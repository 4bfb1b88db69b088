"""Links in a network that is not ours: what needs a way into it says so before anything is done."""

import pytest

from testbed.errors import Unsupported
from testbed.faults.operations import Blackhole, LinkDown, Toxic
from testbed.injection.toxiproxy.links import Links

NOBODY = "127.0.0.1:1"  # who is asked is told of at once


def no_way(process):
    raise Unsupported(f"no way into the network of {process}")


def test_only_an_unanswered_link_needs_a_way_in():
    links = Links(NOBODY, inside=no_way)
    links.require([LinkDown("a--b"), Toxic("a--b", "timeout", "upstream", {"timeout": 0})])
    with pytest.raises(Unsupported, match="no way into the network of links"):
        links.require([LinkDown("a--b"), Blackhole("a--b")])


def test_without_a_way_in_the_link_stays_open():
    """The way in is looked for first: nobody is there to be asked to close the link."""
    with pytest.raises(Unsupported, match="no way into the network of links"):
        Links(NOBODY, inside=no_way).apply(Blackhole("a--b"))
