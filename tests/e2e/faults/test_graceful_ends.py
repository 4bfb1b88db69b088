"""What a graceful restart does to what a service has begun, and to who comes meanwhile."""

from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager

import pytest

from testbed import Topology, graceful_restart, start
from testbed.injection.inlet.log import counts
from tests.kit.processes import eventually

pytestmark = pytest.mark.e2e
GATE = "gate-1/app"


@pytest.fixture(scope="module")
def bed():
    held = {"language": "go", "calls": ["gate"]}
    routes = {"/rude": {"calls": ["rude"]}}
    services = {
        "front": {"language": "node", "calls": ["polite"], "routes": routes},
        "polite": {**held, "terminationGracePeriod": "60s"},
        "rude": held,
        "gate": {"language": "go"},
    }
    with start(Topology.model_validate({"name": "manners", "entry": "front", "services": services})) as bed:
        yield bed


@pytest.fixture
def client(bed):
    with bed.client() as client:
        yield client


@pytest.fixture
def pool():
    with ThreadPoolExecutor() as pool:
        yield pool


@contextmanager
def in_hand(bed, pool, client, path):
    """A request that the service has in hand, for the one that it calls stands still until the end of the block."""
    bed.parts.runtime.pause(GATE)
    try:
        asked = pool.submit(client.get, path)
        inlet = bed.parts.runtime.reach(bed.plan.inlet_admin)
        eventually(lambda: counts(inlet).active == 3, within_s=30)
        yield asked
    finally:
        bed.parts.runtime.resume(GATE)


def test_what_is_in_hand_is_answered_and_who_comes_meanwhile_is_turned_away(bed, pool, client):
    """Broken off rather than refused, because link and inlet stay open for what is in hand."""
    with in_hand(bed, pool, client, "/") as asked:
        restart = pool.submit(bed.inject, graceful_restart(within_s=60).on(service="polite"))
        others = ask_until_answered(pool, client)
    assert asked.result().status_code == 200
    assert {one.result().status_code for one in others[:-1]} <= {200}  # these came before it was asked to end
    assert others[-1].result().status_code == 503
    with restart.result():
        assert client.get("/").status_code == 200


def ask_until_answered(pool, client):
    """Ask again until one is answered although nothing is answered that the service has in hand; the last is it."""
    asked = []
    while len(asked) < 20 and not any(one.done() for one in asked):
        asked.append(pool.submit(client.get, "/"))
        wait(asked[-1:], timeout=2)
    return sorted(asked, key=lambda one: one.done())


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        pytest.param("/rude", graceful_restart().on(service="rude"), id="without grace at once"),
        pytest.param("/", graceful_restart(within_s=0.1).on(service="polite"), id="killed when it takes too long"),
    ],
)
def test_what_is_in_hand_of_one_that_does_not_finish_is_lost(bed, pool, client, path, fault):
    with in_hand(bed, pool, client, path) as asked, bed.inject(fault):
        assert asked.result().status_code == 503
    assert client.get(path).status_code == 200
