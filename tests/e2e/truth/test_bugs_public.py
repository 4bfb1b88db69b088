"""Systems after well-known public bug reports: each found at the right place with the reason, and green when cured.

The reports: Envoy issues 18213 and 38697 (a body that is not read), 9016 (two lengths), 11049 and 17629 (a gRPC
status in the trailers).
"""

import sys
from pathlib import Path

import pytest

import testbed
from testbed import (
    at_most_once,
    constant_rate,
    get,
    latency,
    limit_data,
    post,
    statuses,
    topology,
)
from testbed.spec.topology import Topology

FOLDER = Path(__file__).parent / "bugs_public"
WIRE, FILES, RPC = "front -> back", "front -> files", "front -> rpc"
SHORT = {"warmup_s": 0.2, "baseline_s": 0.5, "hold_s": 1, "recover_s": 0.1}

meshed = topology("bugs_public/wire.yaml", scope="module")
straight = topology("bugs_public/wire.yaml", request_faults=False, scope="module")
bare = topology("bugs_public/wire.yaml", mesh="none", scope="module")
wire = pytest.mark.parametrize("arm", ["meshed", "straight"])
apps = pytest.mark.parametrize("shop", ["inlet", "no inlet"], indirect=True)


@pytest.fixture(scope="module")
def shop(request):
    """An app with the libraries of this Python, with and without inlets."""
    edges = {} if request.param == "inlet" else {edge: {"requestFaults": "off"} for edge in (FILES, RPC)}
    program = [sys.executable, "-u"]
    services = {
        "front": {
            "command": [*program, str(FOLDER / "apps_front.py")],
            "calls": ["files", "rpc"],
            "ready": {"within": "60s"},
        },
        "files": {"language": "go"},
        "rpc": {"command": [*program, str(FOLDER / "rpc_back.py")], "protocol": "grpc", "ready": {"within": "60s"}},
    }
    policies = [{"edge": RPC, "retries": {"attempts": 2, "retryOn": ["unavailable"]}}]
    with testbed.start(Topology(name="apps", entry="front", services=services, policies=policies, edges=edges)) as bed:
        yield bed


def ran(bed, path, fault=None, rps=15, template=get):
    faults = [fault] if fault else []
    return bed.experiment(*faults, load=constant_rate(template(path), rps=rps), **SHORT)


def red(run, *checks):
    """What is said of a run that is violated: each verdict, and the warnings."""
    report = run.judge(all=list(checks))
    assert report.outcome == "violated", report
    return " ".join([*run.warnings, *(f"{one.observed} {one.why} {one.next}" for one in report.verdicts)])


def green(run, *checks):
    run.check(all=list(checks))


@wire
def test_planted_an_answer_before_the_body_is_read_is_no_idle_connection(arm, request):
    said = red(ran(request.getfixturevalue(arm), "/early-close"), statuses(413))
    assert "closes the connection before it has read the whole body" in said
    assert "idleTimeout" not in said


def test_fixed_an_early_answer_whose_body_is_read(straight):
    green(ran(straight, "/early"), statuses(413))  # with an inlet: see its remaining differences in docs/evidence.md


@wire
def test_planted_two_lengths_of_an_answer(arm, request):
    assert "answers of back on front -> back are not valid HTTP/1.1" in red(
        ran(request.getfixturevalue(arm), "/two-lengths-back"), statuses(200)
    )


@wire
def test_planted_a_stream_that_the_timeout_of_the_policy_ends(arm, request):
    said = red(ran(request.getfixturevalue(arm), "/long-stream"), statuses(200))
    assert "front -> back from front-1: 200, answer broke off (UT)" in said
    assert "broke off after the answer had begun: no proxy repeats that" in said


@wire
def test_fixed_a_stream_within_the_timeout(arm, request):
    green(ran(request.getfixturevalue(arm), "/stream"), statuses(200))


@pytest.mark.parametrize("path", ["/tls-upgrade", "/custom-method"])
def test_steady_the_inlet_takes_what_the_app_takes(bare, path):
    green(ran(bare, path), statuses(200))


def test_planted_a_request_with_two_lengths_is_refused_and_loses_no_context(bare):
    said = red(ran(bare, "/two-lengths"), statuses(200))
    assert "no valid HTTP/1.1, such as two lengths" in said
    assert "does not propagate" not in said


def test_steady_a_fault_that_harms_nobody_without_a_mesh(bare):
    green(ran(bare, "/", latency(ms=20).on(WIRE)), statuses(200))


@apps
def test_planted_a_status_in_the_trailers_is_not_repeated(shop):
    said = red(ran(shop, "/head"), statuses(200))
    assert "ended with UNAVAILABLE and were not repeated: the status came in the trailers" in said


@pytest.mark.parametrize("shop", ["no inlet"], indirect=True)
def test_wrong_repeats_are_not_seen_without_an_inlet(shop):
    run = ran(shop, "/post", limit_data(bytes=0).on(FILES), template=post)
    (verdict,) = run.judge(all=[at_most_once(FILES)]).verdicts
    assert verdict.outcome == "inconclusive"
    assert "no inlet records what is sent over front -> files" in verdict.why
