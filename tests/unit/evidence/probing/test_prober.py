"""Probes are read by a real server and real commands: nothing of the mesh is needed for that."""

import http.server
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from testbed.errors import TestbedError
from testbed.evidence.probing.exposition import NoValue
from testbed.evidence.probing.prober import Prober
from testbed.evidence.probing.probes import Probe, command_probe, http_probe, metric_probe, promql_probe
from testbed.evidence.probing.site import Site, fetch
from testbed.plan.values import Replica


class Shop:
    """A runtime at which commands are run as on this machine."""

    def reach(self, address):
        return address

    def execute(self, name, words, timeout_s):
        return 0, f"{name} {' '.join(words)}", ""


@contextmanager
def served(*answers):
    """Serve these answers one after the other, the last one for ever: (status, text), or seconds to wait before."""
    left = list(answers)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            status, text, *wait = left.pop(0) if len(left) > 1 else left[0]
            time.sleep(wait[0] if wait else 0)
            self.send_response(status)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *args):
            pass

    asked = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads, server.block_on_close = True, False
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}", asked
        server.shutdown()


def site(address="127.0.0.1:1", tmp_path="."):
    replicas = (
        Replica("orders-1", "orders", 1, "127.0.0.1", app=address),
        Replica("orders-2", "orders", 2, "127.0.0.2", app=address),
        Replica("db-1", "db", 1, "127.0.0.3", app="127.0.0.3:5432", external=True),
    )
    topology = SimpleNamespace(services={"orders": None, "db": None}, folder=tmp_path)
    return Site(SimpleNamespace(replicas=replicas, topology=topology), Shop())


@dataclass(frozen=True)
class Counting(Probe):
    """Reads the next number."""

    numbers: Iterator[int]

    def readers(self, site):
        return {"": lambda: float(next(self.numbers))}


def reading_threads():
    return [thread for thread in threading.enumerate() if thread.name == "testbed-probe-n"]


def read(probe, where, *, name="it"):
    """Take the first and the last reading."""
    prober = Prober({name: probe}, where)
    prober.start()
    prober.finish()
    return prober


def test_every_replica_of_a_service_is_read_at_its_app():
    with served((200, '{"idle": 4}')) as (address, asked):
        prober = read(http_probe("orders", "/stats", json="idle"), site(address), name="idle")
    assert [(one.place, one.value, one.error) for one in prober.readings[:2]] == [
        ("orders-1", 4.0, ""),
        ("orders-2", 4.0, ""),
    ]
    assert len(prober.readings) >= 4  # each before the load and after it
    assert set(asked) == {"/stats"}
    (declared,) = prober.declared
    assert (declared.name, declared.places) == ("idle", ("orders-1", "orders-2"))


def test_a_metric_and_a_query():
    with served((200, 'pool{p="a"} 3\n')) as (address, asked):
        assert read(metric_probe(f"http://{address}", "pool"), site()).readings[0].value == 3
    assert asked[0] == "/metrics"
    page = '{"status":"success","data":{"resultType":"scalar","result":[0,"8"]}}'
    with served((200, page)) as (address, asked):
        assert read(promql_probe(f"http://{address}", 'sum(a{b="c"})'), site()).readings[0].value == 8
    assert asked[0] == "/api/v1/query?query=sum%28a%7Bb%3D%22c%22%7D%29"


def test_a_reading_that_fails_says_why_and_the_next_one_is_taken():
    with served((503, "busy"), (200, "5")) as (address, _):
        readings = read(http_probe("orders-1"), site(address)).readings
    assert [(one.value, one.error) for one in readings] == [(None, "status 503"), (5.0, "")]


def test_a_status_may_be_the_value():
    with served((503, "busy")) as (address, _):
        assert read(http_probe("orders-1", value="status"), site(address)).readings[0].value == 503


def test_nobody_there_is_a_failed_reading():
    reading = read(http_probe("orders-1"), site("127.0.0.1:1")).readings[0]
    assert (reading.value, reading.error) == (None, "connection refused")


def test_an_answer_that_is_late_is_a_failed_reading():
    with served((200, "5", 1.5)) as (address, _):
        reading = read(http_probe("orders-1", timeout_ms=100), site(address)).readings[0]
    assert (reading.value, reading.error) == (None, "no answer within 0.1 s")


def test_an_answer_without_end_is_cut_off():
    with served((200, "5" * 5000)) as (address, _), pytest.raises(NoValue, match="longer than 1000 bytes"):
        fetch(address, "/", 5, most_bytes=1000)


def test_a_command_here_knows_the_addresses_and_one_in_a_service_runs_there(tmp_path):
    say = f"{sys.executable} -c 'import sys; print(sys.argv[1])' {{{{db.port}}}}"
    assert read(command_probe(say), site(tmp_path=tmp_path)).readings[0].value == 5432
    there = read(command_probe(["count", "{{self.port}}"], on="orders-1"), site("127.0.0.1:80")).readings[0]
    assert (there.place, there.text) == ("orders-1", "orders-1/app count 80")


def test_a_command_that_does_not_end_is_ended(tmp_path):
    sleeping = command_probe([sys.executable, "-c", "import time; time.sleep(60)"], timeout_ms=200)
    assert read(sleeping, site(tmp_path=tmp_path)).readings[0].error == "did not end within 0.2 s"


def test_a_program_that_is_not_there_is_a_failed_reading(tmp_path):
    assert "not found on PATH" in read(command_probe("no-such-program"), site(tmp_path=tmp_path)).readings[0].error


def test_it_is_read_on_its_schedule_and_after_the_load():
    numbers = iter(range(1000))
    prober = Prober({"n": Counting(numbers, every_ms=10)}, site())
    prober.start()
    while len(prober.readings) < 5:
        time.sleep(0.005)
    before = len(prober.readings)
    prober.finish()
    values = [reading.value for reading in prober.readings]
    assert values == [float(n) for n in range(len(values))]
    assert len(values) > before
    assert len(values) <= (prober.readings[-1].at - prober.readings[0].at) / 0.010 + 3
    assert not reading_threads()


def test_after_stop_nothing_is_read():
    prober = Prober({"n": http_probe("http://127.0.0.1:1", every_ms=10)}, site())
    prober.start()
    prober.stop()
    for thread in reading_threads():
        thread.join(5)
    assert not reading_threads()


@pytest.mark.parametrize(
    ("probes", "why"),
    [
        ({"a": http_probe("order")}, r"probe 'a', http_probe\('order', '/'\): no service.*did you mean 'orders'"),
        ({"a": command_probe("x {{orderz.port}}")}, "unknown placeholder .*orders.port"),
        ({"a": command_probe("x", on="db")}, "db is an external service, so no command runs there; leave out on="),
        ({"a": 5}, "'a' is 5, which is not a probe"),
        ({"": http_probe("orders")}, "'' is not a name"),
        ([http_probe("orders")], "probes= takes names with probes"),
    ],
)
def test_what_cannot_be_read_is_refused_before_anything_is_sent(probes, why):
    with pytest.raises(TestbedError, match=why):
        Prober(probes, site())
