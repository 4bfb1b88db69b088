import pytest

from testbed.errors import FaultError
from testbed.faults import (
    abort,
    bandwidth,
    connection_refused,
    connection_reset,
    delay,
    hang,
    kill,
    latency,
    limit_data,
    outage,
    pause,
    slicer,
    stall,
    throttle,
    unreachable,
)
from testbed.faults.conflicts import refuse_contradictions
from testbed.faults.resolved import resolve
from tests.kit.fault_context import CONTEXT

EDGE = "checkout -> pricing"
AUTH = "checkout -> auth"


def judge(*faults):
    refuse_contradictions([resolve(f, CONTEXT, f"f{n}") for n, f in enumerate(faults)], CONTEXT.links)


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        (latency(ms=5).on(EDGE), latency(ms=9).on(replica="pricing-1"), "both put a latency on the link"),
        (connection_refused().on(EDGE), latency(ms=9).on(EDGE), "is closed, so no other fault has an effect"),
        (connection_refused().on(EDGE), outage("pricing"), "both close the link"),
        (stall().on(EDGE), latency(ms=9).on(EDGE), "timeout lets no answer through"),
        (connection_reset().on(EDGE), latency(ms=9).on(EDGE), "reset_peer lets no answer through"),
        (kill().on(replica="auth-1"), pause().on(service="auth"), "cannot have .* at the same time"),
        (kill().on(service="auth"), latency(ms=5).on(AUTH), "is closed"),
        (kill().on(service="auth"), delay(ms=5).on(AUTH), "no request comes over the link"),
        (abort(503).on(EDGE), abort(500).on(EDGE).for_attempts(1), "both answer the same requests"),
        (delay(ms=5).on(EDGE), delay(ms=9).on(service="pricing"), "both delay the same requests"),
        (throttle(kb_per_s=5).on(EDGE), throttle(kb_per_s=9).on(EDGE), "both throttle the same requests"),
        (bandwidth(kb_per_s=5).on(EDGE), bandwidth(kb_per_s=9).on(EDGE), "both put a bandwidth on the link"),
        (unreachable().on(EDGE), connection_refused().on(EDGE), "both close the link"),
        (unreachable().on(EDGE), limit_data(bytes=9).on(EDGE), "is closed, so no other fault has an effect"),
        (connection_reset().on(EDGE), limit_data(bytes=9).on(EDGE), "reset_peer lets no answer through"),
        (stall(direction="answers").on(EDGE), slicer(bytes=9).on(EDGE), "timeout lets no answer through"),
        (unreachable().on(EDGE), abort(404).on(EDGE), "no request comes over the link"),
        (
            connection_refused().on(EDGE),
            throttle(kb_per_s=5).on(EDGE).for_users("u1"),
            "no request comes over the link",
        ),
        (stall().on(EDGE), delay(ms=5).on(EDGE), "no request comes over the link"),
        (hang().on(EDGE), delay(ms=5).on(EDGE), "both delay the same requests"),
        (hang().on(EDGE), abort(503).on(EDGE).for_users("u1"), "a request that hangs is never answered"),
        (hang().on(EDGE), throttle(kb_per_s=5).on(EDGE), "a request that hangs is never answered"),
        (abort(404).on(EDGE), throttle(kb_per_s=5).on(EDGE).for_attempts(1), "an answer with 404 has no body"),
    ],
)
def test_two_faults_that_cannot_both_have_their_effect(first, second, reason):
    for pair in ((first, second), (second, first)):
        with pytest.raises(FaultError, match=f"contradict each other: .*{reason}"):
            judge(*pair)


@pytest.mark.parametrize(
    "faults",
    [
        (latency(ms=5).on(EDGE), latency(ms=9).on(AUTH)),
        (latency(ms=5).on(EDGE), latency(ms=9, direction="requests").on(EDGE)),
        (outage("pricing", replicas=1), latency(ms=9).on(EDGE)),
        (kill().on(replica="pricing-1"), delay(ms=9).on(EDGE)),
        (delay(ms=9).on(EDGE), abort(503).on(EDGE)),
        (abort(503).on(EDGE).for_attempts(1), abort(500).on(EDGE).for_attempts(2)),
        (abort(503).on(EDGE).for_users("u1"), abort(500).on(EDGE).for_users("u2")),
        (hang().on(EDGE).for_attempts(1), abort(503).on(EDGE)),
        (hang().on(EDGE).for_users("u1"), abort(503).on(EDGE).for_users("u2")),
        (hang().on(EDGE).for_requests(percent=5), abort(503).on(EDGE)),
        (hang().on(EDGE).for_users("u1"), throttle(kb_per_s=5).on(EDGE).for_users("u1", "u2")),
        (abort(404).on(EDGE, replica="pricing-1"), throttle(kb_per_s=5).on(EDGE)),
        (stall(direction="answers").on(EDGE), delay(ms=5).on(EDGE)),
        (unreachable().on(replica="pricing-1"), abort(503).on(EDGE)),
        (bandwidth(kb_per_s=5).on(EDGE), bandwidth(kb_per_s=5, direction="requests").on(EDGE)),
        (bandwidth(kb_per_s=5).on(EDGE), throttle(kb_per_s=5).on(EDGE), slicer(bytes=5).on(EDGE)),
        (pause().on(replica="pricing-1"), kill().on(replica="pricing-2")),
    ],
)
def test_faults_that_combine(faults):
    assert judge(*faults) is None
    assert judge(*reversed(faults)) is None
