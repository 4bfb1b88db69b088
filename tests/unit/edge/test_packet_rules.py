"""The text of packet rules, and what is refused before the kernel is asked."""

import pytest

from testbed.edge.operations import Drop
from testbed.edge.packets import Packets, rules
from testbed.errors import FaultError, TestbedError, Unsupported
from testbed.plan import Link

LINK = Link("a-1--b-1", "a-1", "b-1", "a -> b", "127.9.2.1:10001", None, "127.9.2.1:8080")
MATCH = "ip daddr 127.9.2.1 tcp dport 10001"


def test_a_share_is_drawn_for_each_packet_and_all_are_counted():
    assert rules(Drop("f1", LINK.name, 0.05, "requests"), LINK.listen) == (
        f"{MATCH} counter",
        f"{MATCH} numgen random mod 1000000 < 50000 counter drop",
    )


def test_answers_are_told_by_where_they_come_from():
    count, _ = rules(Drop("f1", LINK.name, 0.05, "answers"), LINK.listen)
    assert count == "ip saddr 127.9.2.1 tcp sport 10001 counter"


def test_everything_needs_no_draw_and_a_tiny_share_is_not_nothing():
    assert rules(Drop("f1", LINK.name, 1, "requests"), LINK.listen)[1] == f"{MATCH} counter drop"
    assert "< 1 counter" in rules(Drop("f1", LINK.name, 1e-9, "requests"), LINK.listen)[1]


def test_an_address_outside_the_runs_own_is_never_matched():
    packets = Packets([LINK], network="127.90")
    with pytest.raises(TestbedError, match=r"outside this run's own 127\.90"):
        packets.apply([Drop("f1", LINK.name, 1, "requests")])


def test_an_unknown_link_is_refused():
    with pytest.raises(FaultError, match="no link 'a-1--b-2'.*did you mean 'a-1--b-1'"):
        Packets([LINK], network="127.9").apply([Drop("f1", "a-1--b-2", 1, "requests")])


def test_without_nft_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(Unsupported, match="apt-get install nftables"):
        Packets([LINK], network="127.9").ready()
