"""Packet faults are the kernel's own: measured at the caller, on exactly one edge, counted, and gone when healed."""

import socket
import struct
import subprocess
import time

import pytest
from scipy.stats import binom

from testbed import availability, constant_rate, get, packet_loss, partition, statuses
from testbed.injection.namespaces import NetworkNamespaces
from testbed.injection.packets.packets import Packets
from testbed.runtime.tools.inventory import find
from tests.kit.processes import eventually

pytestmark = pytest.mark.e2e
EDGE = "front -> back"
INTO_FRONT = "client -> front"
QUICK = {EDGE: {"timeout": "600ms"}}  # where nothing comes that it could be too short for
TCPI_TOTAL_RETRANS = 100  # its place in struct tcp_info (linux/tcp.h), after 8 bytes and 23 words


def timed(client, n):
    seen = []
    for _ in range(n):
        begun = time.perf_counter()
        status = client.get("/").status_code
        seen.append((status, (time.perf_counter() - begun) * 1000))
    return seen


class Keeping:
    """One kept connection, of which the kernel tells how often it sent again."""

    def __init__(self, url, timeout_s=60):
        host, _, port = url.removeprefix("http://").partition(":")
        self.socket = socket.create_connection((host, int(port)), timeout_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def get(self):
        self.socket.sendall(b"GET / HTTP/1.1\r\nhost: front\r\n\r\n")
        return self.answer()

    def answer(self):
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self.socket.recv(65536)
        head, _, body = answer.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split()[0])
        while len(body) < length:
            body += self.socket.recv(65536)
        return int(head.split()[1])

    def retransmits(self):
        info = self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
        return struct.unpack_from("I", info, TCPI_TOTAL_RETRANS)[0]


def test_lost_requests_are_sent_again_by_the_callers_own_tcp(small):
    one = Keeping(small.url)
    assert one.get() == 200
    assert one.retransmits() == 0
    with small.inject(packet_loss(percent=20, direction="requests").on(INTO_FRONT)):
        assert {one.get() for _ in range(60)} == {200}
    assert one.retransmits() >= 1  # with 60 requests: all but one time in a million
    one.socket.close()


def test_the_kernel_drops_the_share_that_was_asked_for_and_a_loss_is_a_step_in_latency(small):
    with small.client() as client:
        with small.inject(packet_loss(percent=5).on(INTO_FRONT)):
            seen = timed(client, 150)
            (fault,) = small.parts.packets.left()
            counted = small.parts.packets.counted(fault)
        healed = timed(client, 10)
    assert {status for status, _ in seen + healed} == {200}
    assert max(ms for _, ms in seen) >= 190  # Linux waits 200 ms before it sends again for the first time
    assert binom.cdf(counted.dropped, counted.packets, 0.05) > 1e-6
    assert binom.sf(counted.dropped - 1, counted.packets, 0.05) > 1e-6
    assert counted.packets > 300  # both ways


def test_nothing_changes_on_any_other_edge(small):
    loss = packet_loss(percent=20).on(EDGE)
    load = constant_rate(get("/"), rps=40, timeout_s=60)  # TCP may have to send the same one many times
    run = small.experiment(loss, load=load, warmup_s=0.2, baseline_s=0.3, hold_s=1.5, recover_s=0)
    (fault,) = run.history.index.faults
    assert fault.packets > 0
    assert set(fault.links) == {"front-1--back-1", "front-1--back-2"}
    held = {request.id for request in run.history.index.by_phase["hold"]}
    took = {
        edge: [one.duration_ms for one in run.history.index.attempts.on(edge) if one.request in held]
        for edge in (EDGE, "front -> old")
    }
    slow = {edge: sum(ms >= 190 for ms in each) for edge, each in took.items()}  # a machine may be as slow now and then
    assert slow["front -> old"] < slow[EDGE]
    run.check(all=[statuses(200, 502, 504)])


def test_a_partition_is_met_by_time_outs_and_healed(small):
    with small.client() as client:
        with small.override_policies(QUICK), small.inject(partition("front", "back")):
            seen = timed(client, 2)
        eventually(lambda: client.get("/").status_code == 200, within_s=60)
    assert [status for status, _ in seen] == [502, 502]
    assert min(ms for _, ms in seen) >= 585


def test_cut_off_connections_hang_and_answer_after_tcps_own_back_off(small):
    one = Keeping(small.url)
    one.socket.settimeout(0.4)
    with small.inject(partition("client", "front")):
        with pytest.raises(TimeoutError):
            one.get()
        with pytest.raises(TimeoutError):
            Keeping(small.url, timeout_s=0.4)
        time.sleep(1)
    one.socket.settimeout(60)
    assert one.answer() == 200  # the request of before: TCP has sent it again
    assert one.retransmits() >= 1
    one.socket.close()


def test_cut_one_way_the_callee_still_gets_the_requests(small):
    cut, load = partition("back", "front", one_way=True), constant_rate(get("/"), rps=20)
    with small.override_policies(QUICK):
        run = small.experiment(cut, load=load, warmup_s=0.2, baseline_s=0.3, hold_s=0.7, recover_s=0)
    run.check(all=[statuses(502)])
    failed = {request.id for request in run.history.index.requests if request.status == 502}  # of "inject", too
    arrived = {arrival.request for arrival in run.history.index.arrivals.on(EDGE)} & failed
    assert arrived  # on connections that were open; a new one gets no answer to its SYN


def test_one_replica_of_two_is_lost_and_the_other_is_not(small):
    with small.client() as client:
        client.get("/")
        with small.override_policies({EDGE: {"timeout": "2s"}}), small.inject(partition("front", "back-1")):
            seen = timed(client, 2)
    assert sorted(status for status, _ in seen) == [200, 502]


def test_a_loss_that_loses_nothing_proves_nothing(small):
    barely = packet_loss(percent=1e-4).on(EDGE)
    run = small.experiment(
        barely, load=constant_rate(get("/"), rps=40), warmup_s=0, baseline_s=0.2, hold_s=0.5, recover_s=0
    )
    report = run.judge(all=[statuses(200)])
    assert [verdict.outcome for verdict in report.verdicts] == ["inconclusive"]
    assert "hit 0 packets" in report.verdicts[0].why


def test_the_rules_go_with_their_owner(small):
    """The kernel removes the table when the process that holds it ends, however it ends."""
    packets = Packets(small.plan.links, small.plan.space, NetworkNamespaces(()))
    packets.ready()
    table, holder = packets.table, packets.sessions[()].process
    assert table in tables()
    holder.kill()
    holder.wait()
    assert table not in tables()
    packets.close()


def tables():
    return subprocess.run([find("nft"), "list", "tables"], capture_output=True, text=True).stdout


def test_users_are_served_again_soon_after_a_partition(small):
    cut = partition("front", "back")
    with small.override_policies(QUICK):
        run = small.experiment(
            cut, load=constant_rate(get("/"), rps=30), warmup_s=0.2, baseline_s=0.3, hold_s=0.5, recover_s=5
        )
    run.check(all=[availability(at_least_percent=50).during("recover")])
