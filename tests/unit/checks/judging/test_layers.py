"""Which layers multiply the attempts of a request: proxies, and apps that repeat their calls."""

from testbed.checks import attempts, retry_amplification
from testbed.history.events import Attempt, Call
from tests.kit.blame import Planted, system

CHAIN = ("front -> mid", "mid -> deep")


def told(n=4):
    return Planted(system(*CHAIN), "mid -> deep", n=n)


def test_two_layers_of_proxies_are_both_named_with_their_policies():
    run = told()
    run.hop("front -> mid", ms=90, tries=3, status=503)
    for at_ms in (1, 30, 60):
        run.hop("mid -> deep", ms=20, tries=3, status=503, at_ms=at_ms)
    verdict = run.red(retry_amplification("deep", at_most=3))
    assert verdict.why.endswith(
        "what multiplies: front -> mid: its proxy makes 3 attempts of 1 call; "
        "mid -> deep: its proxy makes 9 attempts of 3 calls"
    )
    assert verdict.edge == "front -> mid, mid -> deep"
    assert [line.partition(":")[0] for line in verdict.policy.splitlines()] == ["front -> mid", "mid -> deep"]


def test_an_app_that_repeats_its_calls_is_named_and_not_its_proxy():
    run = told()
    before = run.history.index.by_phase["baseline"][:10]
    for request in before:  # one call for each request, as long as nothing is broken
        run.events += [
            Attempt(request.id, "front -> mid", "front-1", "mid-1", 1, request.sent, 5.0, 200, call=f"f{request.id}"),
            Attempt(request.id, "mid -> deep", "mid-1", "deep-1", 1, request.sent, 4.0, 200, call=f"m{request.id}"),
            Call(request.id, "mid -> deep", "mid-1", 1, request.sent, 4.0, 200, call=f"m{request.id}"),
        ]
    run.hop("front -> mid", ms=90, status=503)
    for at_ms in (1, 30, 60):
        run.hop("mid -> deep", ms=20, status=503, at_ms=at_ms)
    for check in (retry_amplification("deep", at_most=2), attempts("mid -> deep", at_most=2, per="request")):
        verdict = run.red(check)
        assert verdict.why.endswith(
            "what multiplies: mid -> deep: mid itself makes 3 calls for 1 request (1 for each in the baseline)"
        )


def test_calls_that_an_app_makes_in_the_baseline_as_well_are_no_repetition():
    run = told()
    request = run.history.index.by_phase["baseline"][0]
    run.events.append(Attempt(request.id, "front -> mid", "front-1", "mid-1", 1, request.sent, 5.0, 200, call="f"))
    for number in range(3):
        run.events.append(Call(request.id, "mid -> deep", "mid-1", 1, request.sent, 4.0, 200, call=f"m{number}"))
    run.hop("front -> mid", ms=90, status=503)
    for at_ms in (1, 30, 60):
        run.hop("mid -> deep", ms=20, status=503, at_ms=at_ms)
    assert "what multiplies" not in run.red(retry_amplification("deep", at_most=2)).why


def test_attempts_of_one_call_are_those_of_its_proxy_and_need_no_layers():
    run = told()
    run.hop("mid -> deep", ms=20, tries=4, status=503)
    assert "what multiplies" not in run.red(attempts("mid -> deep", at_most=2)).why
