"""Links and callers in networks of their own: packets dropped where they come in, addresses reached from outside."""

import socket
import subprocess
import sys
import threading

import pytest

import testbed
from testbed import constant_rate, get, packet_loss, partition, statuses, unreachable
from testbed.errors import TestbedError, Unsupported
from testbed.faults.operations import PacketDrop
from testbed.injection.namespaces import NetworkNamespaces
from testbed.injection.packets.packets import Packets
from testbed.injection.toxiproxy.blackhole import hold_address
from testbed.plan.values import Link
from testbed.runtime import RUNTIMES
from testbed.runtime.tools.inventory import find
from tests.kit import MESHES
from tests.kit.networks import Hub, Network, hub, split
from tests.kit.processes import eventually

pytestmark = pytest.mark.e2e
EDGE = "front -> back"
INTO_FRONT = "client -> front"
OWNER = """
import sys, time
from testbed.injection.toxiproxy.blackhole import hold_address
held = hold_address(sys.argv[1], tuple(sys.argv[2:]))
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def net(packets_can_be_dropped):
    with hub() as made:
        yield made


class Listener:
    """Answers every connection at an address of a network with the caller's own bytes."""

    def __init__(self, network: Network, address: str) -> None:
        self.socket = network.do(lambda: socket.create_server(split(address)))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            with client:
                client.sendall(client.recv(100))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def echo(address: str, timeout_s: float = 60) -> bytes:
    with socket.create_connection(split(address), timeout_s) as one:
        one.sendall(b"hello")
        return one.recv(100)


def tables(enter: tuple[str, ...] = ()) -> str:
    return subprocess.run([*enter, find("nft"), "list", "tables"], capture_output=True, text=True, check=True).stdout


# -- an address that answers no SYN


def test_nobody_is_answered_in_another_network(net: Hub) -> None:
    address, pod = f"{net.space.shared_address}:10000", net.pod("a-1", f"{net.space.network}.1.1")
    held = hold_address(address, net.plane.enter)
    for act in (lambda: echo(address, 0.2), lambda: pod.do(lambda: echo(address, 0.2)), lambda: echo(address, 0.2)):
        with pytest.raises(TimeoutError):
            act()
    held.close()
    held.close()
    with pytest.raises(ConnectionRefusedError):
        echo(address)


def test_an_address_in_use_in_another_network_is_an_error(net: Hub) -> None:
    address = f"{net.space.shared_address}:10000"
    with Listener(net.plane, address):
        with pytest.raises(TestbedError, match=f"cannot hold {address} so that no SYN is answered"):
            hold_address(address, net.plane.enter)
        assert echo(address) == b"hello"


def test_words_that_lead_nowhere_are_said(net: Hub) -> None:
    with pytest.raises(TestbedError, match="nsenter"):
        hold_address(f"{net.space.shared_address}:10000", ("nsenter", "--net=/proc/0/ns/net"))


def test_the_address_goes_with_its_owner(net: Hub) -> None:
    address = f"{net.space.shared_address}:10000"
    command = [sys.executable, "-c", OWNER, address, *net.plane.enter]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"held\n"
        with pytest.raises(TimeoutError):
            echo(address, 0.2)
        owner.kill()
    eventually(lambda: is_refused(address), within_s=60)


def is_refused(address: str) -> bool:
    try:
        echo(address, 0.2)
    except ConnectionRefusedError:
        return True
    except TimeoutError:
        return False
    raise AssertionError("somebody answers")


# -- packets


class PacketTopology:
    """Two links of one plane, from a pod: what is dropped on one, the other does not notice."""

    def __init__(self, net: Hub) -> None:
        self.plane, self.pod = net.plane, net.pod("a-1", f"{net.space.network}.1.1")
        at = net.space.shared_address
        self.links = [
            Link(f"a-1--b-{n}", "a-1", f"b-{n}", "a -> b", f"{at}:{port}", None, "")
            for n, port in ((1, 10000), (2, 10001))
        ]
        inside = {"links": self.plane.enter, "a-1/proxy": self.pod.enter}
        self.packets = Packets(self.links, net.space, NetworkNamespaces(inside, inside.__getitem__))
        self.listeners = [Listener(self.plane, link.listen) for link in self.links]

    def echo(self, number: int, timeout_s: float = 60) -> bytes:
        return self.pod.do(lambda: echo(self.links[number].listen, timeout_s))

    def close(self) -> None:
        self.packets.close()
        for listener in self.listeners:
            listener.__exit__()


@pytest.fixture
def wired(net: Hub):
    made = PacketTopology(net)
    yield made
    made.close()


@pytest.mark.parametrize("packets", ["requests", "answers"])
def test_a_packet_is_dropped_in_the_network_that_it_comes_into(wired: PacketTopology, packets) -> None:
    assert [wired.echo(0), wired.echo(1)] == [b"hello"] * 2
    wired.packets.apply([PacketDrop("f1", "a-1--b-1", 1, packets)])
    there = {"requests": wired.plane, "answers": wired.pod}
    assert {way: "testbed_10" in tables(one.enter) for way, one in there.items()} == {
        way: way == packets for way in there
    }
    assert f"_{wired.packets.table}" not in tables()
    with pytest.raises(TimeoutError):
        wired.echo(0, 0.3)
    assert wired.echo(1) == b"hello"
    seen = wired.packets.seen("f1")
    assert seen.dropped == seen.packets >= 1
    assert wired.packets.left() == ["f1"]
    wired.packets.undo("f1")
    assert wired.packets.left() == []
    assert [wired.echo(0), wired.echo(1)] == [b"hello"] * 2


def test_both_ways_are_one_fault_in_two_networks(wired: PacketTopology) -> None:
    wired.packets.apply([PacketDrop("f1", "a-1--b-1", 1e-6, way) for way in ("requests", "answers")])
    assert wired.echo(0) == b"hello"
    assert wired.packets.seen("f1").packets >= 6  # SYN, its answer, and one more each way at the least
    wired.packets.undo("f1")
    wired.packets.close()
    assert "testbed_" not in tables(wired.plane.enter) + tables(wired.pod.enter)


# -- a whole mesh


def mesh(runtime: str):
    """The small mesh in pods, with time-outs that a busy machine does not reach."""
    kind, patient = {"near": "PodRuntime", "far": "FarPodRuntime"}[runtime], {EDGE: {"timeout": "3s"}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(RUNTIMES, runtime, f"tests.kit.networks:{kind}")
        with testbed.start(MESHES / "small.yaml", policies=patient, runtime=runtime) as made:
            yield made


@pytest.fixture(scope="module")
def near(packets_can_be_dropped):
    """Its ports are published by a proxy in our own network."""
    yield from mesh("near")


@pytest.fixture(scope="module")
def far(packets_can_be_dropped):
    """Its ports are published by a proxy in a network that is not ours."""
    yield from mesh("far")


@pytest.fixture
def bed(near):
    yield near
    near.clean()


@pytest.fixture
def far_bed(far):
    yield far
    far.clean()


def quick(bed, *faults, rps=20, hold_s=0.8, recover_s=0):
    load = constant_rate(get("/"), rps=rps)
    return bed.experiment(*faults, load=load, warmup_s=0.2, baseline_s=0.3, hold_s=hold_s, recover_s=recover_s)


def test_an_edge_loses_packets_and_no_other_does(bed) -> None:
    run = quick(bed, packet_loss(percent=30).on(EDGE), hold_s=1.5)
    (fault,) = run.history.index.faults
    assert fault.packets > 0
    assert set(fault.links) == {"front-1--back-1", "front-1--back-2"}
    assert max(attempt.duration_ms for attempt in run.history.index.attempts.on(EDGE)) >= 150
    assert {attempt.status for attempt in run.history.index.attempts.on("front -> old")} == {200}
    run.check(all=[statuses(200, 502)])


def test_a_partition_one_way_lets_the_requests_through(bed) -> None:
    run = quick(bed, partition("back", "front", one_way=True), rps=4)  # so few that connections are free
    run.check(all=[statuses(502)])
    hold = {request.id for request in run.history.index.requests if request.phase == "hold"}
    assert {arrival.request for arrival in run.history.index.arrivals.on(EDGE)} & hold


def test_nobody_answers_at_an_unreachable_replica(bed) -> None:
    with bed.client() as client:
        with bed.inject(unreachable().on(service="back")):
            assert client.get("/").status_code == 502
        eventually(lambda: client.get("/").status_code == 200, within_s=60)


def test_answers_to_the_load_are_lost_where_they_come_through_our_network(bed) -> None:
    with bed.client() as client, bed.inject(packet_loss(percent=20, direction="answers").on(INTO_FRONT)):
        assert {client.get("/").status_code for _ in range(40)} == {200}
        (fault,) = bed.parts.packets.left()
        assert bed.parts.packets.counted(fault).dropped >= 1


def test_everything_is_asked_where_it_is_published(far_bed) -> None:
    run = quick(far_bed)
    run.check(all=[statuses(200)])
    assert {link.listen.split(":")[0] for link in far_bed.plan.links} == {far_bed.plan.space.shared_address}
    evidence = {one.source: one.missing for one in run.history.index.evidence}
    assert evidence.keys() >= {"attempts", "calls", "arrivals", "samples"}
    assert {source: why for source, why in evidence.items() if why and source != "samples"} == {}


def test_policies_are_read_back_and_a_killed_replica_comes_back(far_bed) -> None:
    with far_bed.override_policies({EDGE: {"timeout": "2s"}}), far_bed.inject(testbed.kill().on(replica="back-1")):
        pass
    far_bed.clean()
    with far_bed.client() as client:
        assert [client.get("/").status_code for _ in range(4)] == [200] * 4


def test_answers_that_do_not_come_through_our_network_are_not_lost_and_requests_are(far_bed) -> None:
    with pytest.raises(Unsupported, match="do not come through the network of this machine.*direction='requests'"):
        far_bed.inject(packet_loss(percent=20, direction="answers").on(INTO_FRONT))
    assert far_bed.parts.packets.left() == []
    with far_bed.client() as client, far_bed.inject(packet_loss(percent=20, direction="requests").on(INTO_FRONT)):
        assert {client.get("/").status_code for _ in range(40)} == {200}
        (fault,) = far_bed.parts.packets.left()
        assert far_bed.parts.packets.counted(fault).dropped >= 1
