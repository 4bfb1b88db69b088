"""What a graceful restart does to what a service has begun, and to who comes meanwhile."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from testbed import Topology, graceful_restart, start

pytestmark = pytest.mark.e2e
WORK_S = 3


@pytest.fixture(scope="module")
def bed():
    slow = {"language": "go", "work": f"{WORK_S}s"}
    routes = {"/rude": {"calls": ["rude"]}}
    services = {
        "front": {"language": "node", "calls": ["polite"], "routes": routes},
        "polite": {**slow, "grace": "20s"},
        "rude": slow,
    }
    with start(Topology.model_validate({"name": "manners", "entry": "front", "services": services})) as bed:
        yield bed


def restarted(bed, path, fault):
    """The status of a request that the service has in hand when it is restarted, and of one that comes afterwards."""
    with ThreadPoolExecutor() as pool, bed.client() as client:
        in_hand = pool.submit(client.get, path)
        time.sleep(WORK_S / 2)
        with bed.inject(fault):
            return in_hand.result().status_code, client.get(path).status_code


def test_what_is_in_hand_is_answered(bed):
    assert restarted(bed, "/", graceful_restart().on(service="polite")) == (200, 200)


def test_who_comes_while_it_finishes_is_turned_away(bed):
    """Broken off rather than refused, because link and inlet stay open for what is in hand."""
    with ThreadPoolExecutor() as pool, bed.client() as client:
        in_hand = pool.submit(client.get, "/")
        time.sleep(WORK_S / 4)
        injection = pool.submit(bed.inject, graceful_restart().on(service="polite"))
        time.sleep(WORK_S / 4)
        assert client.get("/").status_code == 503
        assert in_hand.result().status_code == 200
        injection.result().heal()


def test_a_service_without_grace_ends_at_once(bed):
    assert restarted(bed, "/rude", graceful_restart().on(service="rude")) == (503, 200)


def test_who_does_not_end_in_time_is_killed(bed):
    assert restarted(bed, "/", graceful_restart(within_s=0.1).on(service="polite")) == (503, 200)
