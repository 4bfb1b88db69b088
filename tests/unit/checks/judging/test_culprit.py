"""The place of a failure in small systems with one bug each, and the policy that acted there."""

from dataclasses import replace

from testbed.checks import contained, max_latency, statuses
from testbed.history.outcomes import CLIENT_GONE, IN_FLIGHT, TIMEOUT
from tests.kit.blame import Planted, system

CHAIN = ("front -> mid", "mid -> deep")
FAN = ("front -> a", "front -> b", "a -> c")


def unanswered(topology, fault, **changes):
    """A run whose first request of the hold got no answer within two seconds."""
    gone = {"status": lambda i: 0 if i == 0 else 200, "latency": lambda i: 2000.0 if i == 0 else 20.0}
    return Planted(topology, fault, **gone | changes)


def place(run):
    """The place in the verdict of `contained`."""
    return run.red(contained()).observed.partition("all on ")[2].partition(", for")[0]


def test_a_service_two_hops_below_the_client_without_a_timeout():
    run = unanswered(system(*CHAIN), "mid -> deep")
    run.hop("front -> mid", ms=2000, status=0, outcome=CLIENT_GONE)
    run.hop("mid -> deep", ms=1999, status=0, outcome=CLIENT_GONE)
    assert place(run) == "mid -> deep"
    assert run.red(contained()).policy == "no policy: no timeout, no retries"  # nothing acted: that is the bug


def test_a_hop_that_ends_well_after_its_caller_gave_up_is_the_place():
    run = Planted(system(*CHAIN, front_mid=500.0), "mid -> deep", status=lambda i: 504 if i == 0 else 200)
    run.hop("front -> mid", ms=500, status=504, outcome=TIMEOUT)
    run.hop("mid -> deep", ms=2000)
    assert place(run) == "mid -> deep"
    assert (
        run.red(statuses(200)).next.splitlines()[1].startswith("  mid -> deep, deep-1, attempt 1: 200 after 2,000 ms")
    )


def test_a_fallback_that_calls_the_same_broken_store_is_not_the_place_of_the_healthy_one():
    run = unanswered(system("front -> main", "front -> spare", "main -> store", "spare -> store"), "main -> store")
    run.hop("front -> main", ms=900, status=504, outcome=TIMEOUT)
    run.hop("main -> store", ms=899, status=0, outcome=CLIENT_GONE)
    run.hop("front -> spare", ms=1000, status=0, outcome=CLIENT_GONE, at_ms=901)
    run.hop("spare -> store", ms=999, status=0, outcome=CLIENT_GONE, at_ms=902)
    assert place(run) == "main -> store"  # both fail there; the fault is on this one


def test_one_branch_of_a_fan_out_hangs():
    run = unanswered(system(*FAN), "front -> b")
    run.hop("front -> a", ms=10)
    run.hop("a -> c", ms=8)
    run.hop("front -> b", ms=2000, status=0, outcome=CLIENT_GONE)
    assert place(run) == "front -> b"


def test_a_branch_that_was_cancelled_because_another_failed_is_not_the_place():
    run = Planted(system(*FAN), "front -> b", status=lambda i: 503 if i == 0 else 200)
    run.hop("front -> a", ms=30, status=0, outcome=CLIENT_GONE)
    run.hop("a -> c", ms=29, status=0, outcome=CLIENT_GONE)
    run.hop("front -> b", ms=28, status=503)
    assert place(run) == "front -> b"


def test_a_cache_miss_is_not_the_place_of_the_failure_of_the_store_that_is_asked_then():
    run = Planted(system("front -> cache", "front -> store", "front -> x"), "front -> x", status=lambda i: 503)
    run.hop("front -> cache", ms=9, status=404)
    run.hop("front -> store", ms=2, status=503, at_ms=10)
    for number in range(1, 4):
        run.hop("front -> store", of=number, ms=2, status=503)
    assert place(run) == "front -> store"


def test_a_failure_that_a_service_handled_is_not_the_place_of_one_that_reached_the_user():
    run = unanswered(system("front -> shop", "shop -> ads", "front -> pay"), "front -> pay")
    run.hop("front -> shop", ms=60)
    run.hop("shop -> ads", ms=50, status=503)
    run.hop("front -> pay", ms=2000, status=0, outcome=CLIENT_GONE)
    assert place(run) == "front -> pay"


def test_an_app_that_swallows_errors_is_below_the_place():
    run = Planted(system(*CHAIN), "mid -> deep", latency=lambda i: 900.0 if i == 0 else 20.0)
    run.hop("front -> mid", ms=890)
    run.hop("mid -> deep", ms=880, status=503)
    verdict = run.red(contained(slower_than_ms=500))
    assert "all on mid -> deep" in verdict.observed
    assert "mid -> deep, deep-1, attempt 1: 503 after 880 ms" in verdict.next.splitlines()[1]


def test_an_app_that_gives_up_before_its_proxy_is_at_its_own_call():
    run = Planted(system(*CHAIN, mid_deep=1000.0), "mid -> deep", status=lambda i: 502 if i == 0 else 200)
    run.hop("front -> mid", ms=310, status=502)
    run.hop("mid -> deep", ms=300, status=0, outcome=CLIENT_GONE)
    assert place(run) == "mid -> deep"
    assert "(DC) after 300 ms" in run.red(statuses(200)).next


def test_a_slow_request_is_at_the_deepest_hop_that_took_its_time():
    run = Planted(system(*CHAIN), "mid -> deep", latency=lambda i: 900.0 if i == 0 else 20.0)
    run.hop("front -> mid", ms=890)
    run.hop("mid -> deep", ms=880)
    assert "all on mid -> deep" in run.red(contained(slower_than_ms=500)).observed
    assert run.red(max_latency(under_ms=500)).next.splitlines()[1].startswith("  mid -> deep")


def test_a_service_whose_pool_is_full_of_calls_to_a_slow_one_is_not_the_place():
    run = Planted(
        system(*CHAIN, "front -> other", mid_deep=2000.0),
        "mid -> deep",
        lasts_s=0.4,
        status=lambda i: 503 if i == 3 else 200,
        latency=lambda i: 50.0 if i == 3 else 300.0,
    )
    for number in range(3):
        run.hop("front -> mid", of=number, ms=290)
        run.hop("mid -> deep", of=number, ms=280)
    run.hop("front -> mid", of=3, ms=49, status=503)
    run.events = [one for one in run.events if getattr(one, "edge", "") == "front -> mid" or not _last_deep(one)]
    verdict = run.red(contained())
    assert "all on mid -> deep" in verdict.observed
    assert "mid was busy meanwhile: 2 attempts of other requests on mid -> deep, the longest for 280 ms" in verdict.next


def _last_deep(event):
    """Whether it is the healthy call with which the kit lets the fault touch something."""
    return getattr(event, "request", "") == "hold-3"


def test_a_request_that_waited_for_a_worker_before_its_own_good_call_is_at_the_calls_that_held_the_workers():
    def waited(own_ms):
        run = Planted(
            system(*CHAIN, "front -> other"),
            "front -> mid",
            lasts_s=0.4,
            status=lambda i: 0 if i == 2 else 200,
            latency=lambda i: 2000.0,
        )
        run.hop("client -> front", of=2, ms=1999, status=0, outcome=CLIENT_GONE)
        for number in range(2):
            run.hop("front -> mid", of=number, ms=1900)
        run.hop("front -> other", of=2, ms=own_ms, at_ms=5)
        return run

    assert place(waited(own_ms=4)) == "front -> mid"
    assert "front was busy meanwhile: 3 attempts" in waited(own_ms=4).red(contained()).next
    assert place(waited(own_ms=1900)) == "front -> other"


def refuses_by_itself(*, before=True, outcome="", other=False):
    """Since a fault on front -> mid, the app answers the last request without the call that it made before."""
    edges = ("front -> mid", "front -> other")
    run = Planted(system(*edges), "front -> mid", status=lambda i: 503 if i == 3 else 200)
    for number in range(20):
        _early(run, number, *(edges if before else edges[1:]))
    run.hop("client -> front", of=3, ms=4, status=503 if not outcome else 0, outcome=outcome)
    if other:
        run.hop("front -> other", of=3, ms=3, status=500)
    run.events = [one for one in run.events if getattr(one, "edge", "") != "front -> mid" or not _last_deep(one)]
    run.hop("front -> mid", of=0)
    return run


def _early(run, number, *edges):
    """Record a request of the baseline with a call on each of these edges."""
    request = next(one for one in run.events if getattr(one, "id", "") == f"baseline-{number}")
    run.requests.append(request)
    for edge in ("client -> front", *edges):
        run.hop(edge, of=-1)
    run.requests.pop()


def test_an_app_that_answers_without_its_usual_call_since_a_fault_is_at_that_call():
    verdict = refuses_by_itself().red(contained())
    assert "all on front -> mid" in verdict.observed
    said = "front answered without a call on front -> mid, which it made for such requests before the fault"
    assert verdict.next.splitlines()[1].strip() == said


def test_a_call_that_the_app_never_made_or_another_that_failed_is_no_such_place():
    assert place(refuses_by_itself(before=False)) == "client -> front"
    assert place(refuses_by_itself(other=True)) == "front -> other"
    assert place(refuses_by_itself(outcome="connect_failed")) == "client -> front"  # it never reached the app


def test_arrivals_show_the_place_where_no_calls_are_recorded():
    run = unanswered(system(*CHAIN), "mid -> deep", sources=("requests", "arrivals"))
    run.hop("front -> mid", ms=2000, status=0, outcome=CLIENT_GONE)
    run.hop("mid -> deep", ms=1999, status=0, outcome=CLIENT_GONE)
    run.events = [one for one in run.events if one.type not in ("call", "attempt")]
    assert place(run) == "mid -> deep"


def test_a_fault_of_a_service_names_the_edges_to_it_that_were_used():
    run = Planted(system(*CHAIN, "front -> deep"), "mid -> deep", status=lambda i: 503 if i == 0 else 200)
    both = {"edges": ("front -> deep", "mid -> deep"), "links": ("front-1--deep-1", "mid-1--deep-1")}
    run.events = [replace(one, **both, plane="process") if one.type == "fault" else one for one in run.events]
    run.hop("front -> mid", ms=10, status=503)
    run.hop("mid -> deep", ms=9, status=503)
    assert run.red(statuses(200)).edge == "mid -> deep"


def test_an_arrival_below_the_last_recorded_call_shows_where_it_hangs():
    run = unanswered(system(*CHAIN), "mid -> deep")
    run.hop("front -> mid", ms=2000, status=0, outcome=CLIENT_GONE)
    run.hop("mid -> deep", ms=1999, status=0, outcome=IN_FLIGHT)
    run.events = [one for one in run.events if one.type != "call" or one.edge != "mid -> deep"]
    assert place(run) == "mid -> deep"


def test_without_any_failed_hop_it_is_the_entry():
    assert place(unanswered(system(*CHAIN), "mid -> deep")) == "client -> front"
