"""Where packets are shaped: by which device of which network they leave, and what is refused."""

import json
from collections import defaultdict

import pytest

from testbed.errors import Unsupported
from testbed.faults.operations import PacketShaping
from testbed.injection.namespaces import NetworkNamespaces
from testbed.injection.packets import netem
from testbed.injection.packets.netem import Shaper
from testbed.plan.values import AddressSpace, Link

PLANE = "10.213.0.2"
LINK = Link("a-1--b-1", "a-1", "b-1", "a -> b", f"{PLANE}:10001", None, "10.213.2.1:8080")
ENTRY = Link("client--a-1", "client", "a-1", "client -> a", f"{PLANE}:10000", None, "10.213.1.1:8080")
DEVICES = {"into a-1/proxy": "eth0", "into links": "eth7"}


class Kernel:
    """Answers as tc and ip would, and remembers what it was told, by network and device."""

    def __init__(self):
        self.told, self.queues = [], defaultdict(list)

    def run(self, command):
        where, program, *words = command if command[0].startswith("into") else ("", *command)
        if program.endswith("ip"):
            assert words[-1].startswith("10.213.")
            return json.dumps([{"dev": DEVICES[where]}])
        device = words[words.index("dev") + 1]
        if words[:3] == ["-s", "-j", "qdisc"]:
            return json.dumps([{"handle": one, "kind": "netem", "packets": 3} for one in self.queues[where, device]])
        queues, text = self.queues[where, device], " ".join(words).replace(f"dev {device} ", "")
        if "netem" in words:
            queues.append(words[words.index("handle") + 1])
        if words[:2] == ["class", "del"]:
            queues.remove(f"{words[-1].partition(':')[2]}:")
        self.told.append(((where, device), text))
        return ""


@pytest.fixture
def kernel(monkeypatch):
    made = Kernel()
    monkeypatch.setattr(netem, "_run", made.run)
    monkeypatch.setattr(netem, "_program", lambda name: name)
    monkeypatch.setattr(netem, "_no_netem", lambda: "")
    return made


@pytest.fixture
def shaper():
    places = NetworkNamespaces(["a-1/proxy", "a-1/app"], lambda process: (f"into {process}",))
    return Shaper([LINK, ENTRY], AddressSpace("10.213", PLANE), places)


def both(link, fault="f1"):
    return [PacketShaping(fault, link.name, way, ("delay", "5ms")) for way in ("requests", "answers")]


def test_requests_leave_by_the_callers_device_and_answers_by_that_of_the_links(kernel, shaper):
    shaper.ready(both(LINK))
    shaper.apply(both(LINK))
    filters = {at: told for at, told in kernel.told if told.startswith("filter")}
    assert {at: told.partition(" match ")[2].partition(" flowid")[0] for at, told in filters.items()} == {
        ("into a-1/proxy", "eth0"): f"ip dst {PLANE}/32 match ip dport 10001 0xffff",
        ("into links", "eth7"): f"ip src {PLANE}/32 match ip sport 10001 0xffff",
    }
    assert shaper.seen("f1") == 6
    assert shaper.left() == ["f1"]
    shaper.undo("f1")
    assert shaper.left() == []
    ended = {at for at, told in kernel.told if told == "qdisc del root"}
    assert ended == {("into a-1/proxy", "eth0"), ("into links", "eth7")}


def test_the_queue_of_a_device_stays_until_its_last_fault_is_healed(kernel, shaper):
    answers = [both(LINK)[1], both(ENTRY, "f2")[1]]
    for one in answers:
        shaper.apply([one])
    made = [told for _, told in kernel.told]
    assert made.count("qdisc replace root handle 1: htb") == 1
    shaper.undo("f1")
    assert "qdisc del root" not in [told for _, told in kernel.told]
    shaper.undo("f2")
    assert "qdisc del root" in [told for _, told in kernel.told]


def test_requests_of_the_load_are_not_shaped(kernel, shaper):
    shaper.ready(both(ENTRY)[1:])
    with pytest.raises(Unsupported, match="packets of answers can: direction='answers'"):
        shaper.ready(both(ENTRY))


def test_a_loopback_of_everybodys_is_left_alone(kernel, monkeypatch):
    monkeypatch.delenv("TESTBED_SANDBOX", raising=False)
    with pytest.raises(Unsupported, match="needs a separate one: run it as `testbed sandbox"):
        Shaper([LINK], AddressSpace("10.213"), NetworkNamespaces(())).ready(both(LINK))
