"""The store behind a tcp edge: named by its connections, with what became of them."""

from testbed.checks import contained
from testbed.history.outcomes import CONNECT_FAILED, RESET
from tests.kit.blame import Planted, system

EDGE = "api -> cache"
SHOP = system(EDGE, tcp=("cache",))


def failing(topology=SHOP, fault=EDGE):
    """A run whose first request of the hold failed."""
    return Planted(topology, fault, status=lambda i: 0 if i == 0 else 200, latency=lambda i: 4000.0 if i == 0 else 20.0)


def verdict(run):
    return run.red(contained())


def test_a_connection_that_got_nothing_back_names_the_store():
    run = failing()
    run.connection(EDGE, ms=4000)
    found = verdict(run)
    assert "all on api -> cache" in found.observed
    assert found.next.splitlines()[1:] == [
        "  api -> cache, cache-1: connection, lasted 4,000 ms, 4 bytes sent, 0 received",
        "  connections on api -> cache while a fault was in force: 1 open, 0 refused, 0 broken, "
        "1 hung (bytes sent, none received), 4 bytes sent, 0 received",
    ]


def test_refused_and_broken_connections_are_counted_and_the_failed_one_is_the_example():
    run = failing()
    run.connection(EDGE, ms=1, at_ms=0.2, outcome=CONNECT_FAILED, flags="UF", sent=0)
    run.connection(EDGE, ms=9, at_ms=0.5, outcome=RESET, flags="UC", received=7)
    found = verdict(run)
    assert "api -> cache, cache-1: connection refused (UF), lasted 1 ms" in found.next
    assert "2 open, 1 refused, 1 broken, 0 hung" in found.next


def test_a_pooled_connection_that_was_open_under_the_fault_names_the_store():
    run = failing()
    run.connection(EDGE, at_ms=-100, ms=6000, sent=400, received=900)
    assert "all on api -> cache" in verdict(run).observed


def test_a_healthy_connection_without_a_fault_does_not():
    run = failing(system("api -> pay", EDGE, tcp=("cache",)), "api -> pay")
    run.connection(EDGE, ms=3, received=9)
    assert "all on client -> api" in verdict(run).observed


def test_a_store_below_a_service_that_failed():
    run = failing(system("front -> api", EDGE, tcp=("cache",)))
    run.hop("front -> api", ms=4000, status=504)
    run.connection(EDGE, ms=4000)
    assert "all on api -> cache" in verdict(run).observed


def test_of_two_stores_the_one_with_more_bad_connections():
    run = failing(system("api -> db", EDGE, tcp=("cache", "db")), "api -> db")
    run.connection(EDGE, ms=2, received=5)
    run.connection("api -> db", ms=4000)
    assert "all on api -> db" in verdict(run).observed


def test_a_connection_of_an_older_record_has_no_figures():
    run = failing()
    run.connection(EDGE, ms=4000, sent=None, received=None)
    text = verdict(run).next
    assert "lasted 4,000 ms\n" in text
    assert text.endswith("1 open, 0 refused, 0 broken")
