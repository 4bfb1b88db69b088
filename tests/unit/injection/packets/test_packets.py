"""The text of packet rules, and what is refused before the kernel is asked."""

import pytest

from testbed.errors import FaultError, TestbedError, Unsupported
from testbed.faults.operations import PacketDrop
from testbed.injection.namespaces import NetworkNamespaces
from testbed.injection.packets import packets as module
from testbed.injection.packets.packets import Packets, rules
from testbed.plan.values import AddressSpace, Link

LINK = Link("a-1--b-1", "a-1", "b-1", "a -> b", "127.9.2.1:10001", None, "127.9.2.1:8080")
NODE = Link("a@node-1--b-1", "a@node-1", "b-1", "a -> b", "127.9.2.1:10002", None, "", ("a-1", "a-2"))
ENTRY = Link("client--a-1", "client", "a-1", "client -> a", "127.9.1.1:10000", None, "127.9.1.1:8080")
SPACE = AddressSpace("127.9")
MATCH = "ip daddr 127.9.2.1 tcp dport 10001"


def test_a_share_is_drawn_for_each_packet_and_all_are_counted():
    assert rules(PacketDrop("f1", LINK.name, 0.05, "requests"), LINK.listen) == (
        f"{MATCH} counter",
        f"{MATCH} numgen random mod 1000000 < 50000 counter drop",
    )


def test_answers_are_matched_by_their_source_address():
    count, _ = rules(PacketDrop("f1", LINK.name, 0.05, "answers"), LINK.listen)
    assert count == "ip saddr 127.9.2.1 tcp sport 10001 counter"


def test_everything_needs_no_draw_and_a_tiny_share_is_not_nothing():
    assert rules(PacketDrop("f1", LINK.name, 1, "requests"), LINK.listen)[1] == f"{MATCH} counter drop"
    assert "< 1 counter" in rules(PacketDrop("f1", LINK.name, 1e-9, "requests"), LINK.listen)[1]


def test_an_address_outside_the_runs_own_is_never_matched():
    for space in (AddressSpace("127.90"), AddressSpace("127.9", "127.9.0.2"), AddressSpace("12", "12.0.0.2")):
        with pytest.raises(TestbedError, match=f"127.9.2.1:10001 is outside the network of this run, {space.network}"):
            Packets([LINK], space, NetworkNamespaces(())).apply([PacketDrop("f1", LINK.name, 1, "requests")])


def test_an_unknown_link_is_refused():
    with pytest.raises(FaultError, match="no link 'a-1--b-2'.*did you mean 'a-1--b-1'"):
        Packets([LINK], SPACE, NetworkNamespaces(())).apply([PacketDrop("f1", "a-1--b-2", 1, "requests")])


def test_without_nft_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(Unsupported, match="apt-get install nftables"):
        Packets([LINK], SPACE, NetworkNamespaces(())).ready()


# -- in which network


@pytest.mark.parametrize(
    ("link", "processes", "requests_to", "answers_to"),
    [
        (LINK, ["a-1/app", "a-1/proxy", "b-1/app"], "links", "a-1/proxy"),
        (LINK, ["a-1/app", "b-1/app"], "links", "a-1/app"),
        (NODE, ["a-1/app", "a-2/app", "node-1/proxy"], "links", "node-1/proxy"),
        (ENTRY, ["a-1/app", "a-1/proxy"], "links", "client"),
    ],
)
def test_requests_come_in_where_the_links_are_and_answers_where_the_caller_is(link, processes, requests_to, answers_to):
    places = NetworkNamespaces(processes)
    assert places.receiver(link, "requests") == requests_to
    assert places.receiver(link, "answers") == answers_to


def test_the_load_runs_in_our_network_without_a_look_up():
    places = NetworkNamespaces(["a-1/app"], lambda process: ("enter", process))
    assert places.enter("client") == ()
    assert places.enter("links") == ("enter", "links")


class Kernel:
    """Stands for every `nft` of a run: one fault's rules by the network that they are in; each has seen 5 packets."""

    def __init__(self):
        self.rules, self.closed = {}, []

    def session(self, enter, table):
        return Session(self, enter)


class Session:
    def __init__(self, kernel, enter):
        self.kernel, self.enter = kernel, enter

    def chain(self, steps, chain):
        added = [step.split(chain)[1].strip() for step in steps.split("; ") if step.startswith("add rule")]
        there = self.kernel.rules.setdefault(self.enter, [])
        there += added
        return [{"expr": [{"counter": {"packets": 5}}, {rule.split()[-1]: None}]} for rule in there]

    def chains(self, steps):
        self.kernel.rules.pop(self.enter)
        return {}

    def close(self):
        self.kernel.closed.append(self.enter)


@pytest.fixture
def kernel(monkeypatch):
    made = Kernel()
    monkeypatch.setattr(module, "Session", made.session)
    return made


def pods(inside, *links):
    return Packets(links, SPACE, NetworkNamespaces(["a-1/proxy", "a-1/app"], inside))


def test_every_network_has_its_own_rules_and_all_count_as_one(kernel):
    packets = pods(lambda process: ("into", process), LINK, ENTRY)
    drops = [PacketDrop("f1", link.name, 1, way) for link in (LINK, ENTRY) for way in ("requests", "answers")]
    packets.apply(drops)
    placed = {where: [rule for rule in rules if "drop" in rule] for where, rules in kernel.rules.items()}
    assert placed == {
        ("into", "links"): [f"{MATCH} counter drop", "ip daddr 127.9.1.1 tcp dport 10000 counter drop"],
        ("into", "a-1/proxy"): ["ip saddr 127.9.2.1 tcp sport 10001 counter drop"],
        (): ["ip saddr 127.9.1.1 tcp sport 10000 counter drop"],
    }
    assert packets.seen("f1") == module.Seen(20, 20)
    packets.undo("f1")
    assert kernel.rules == {}
    packets.close()
    assert sorted(kernel.closed) == sorted(placed)


def test_where_all_share_one_network_there_is_one(kernel):
    packets = Packets([LINK], SPACE, NetworkNamespaces(["a-1/proxy"]))
    packets.apply([PacketDrop("f1", LINK.name, 1, way) for way in ("requests", "answers")])
    assert set(kernel.rules) == {()}


def test_a_network_that_cannot_be_entered_is_said_before_anything_is_done(kernel):
    def inside(process):
        raise Unsupported(f"no way into {process}")

    packets = pods(inside, LINK)
    for act in (packets.ready, packets.apply):
        with pytest.raises(Unsupported, match="no way into links"):
            act([PacketDrop("f1", LINK.name, 1, "requests")])
    assert kernel.rules == {}
    packets.undo("f1")
    assert packets.seen("f1") == module.Seen(0, 0)
