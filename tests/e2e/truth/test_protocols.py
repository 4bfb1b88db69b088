"""What an app may say in HTTP/1 passes both proxies; what they refuse is on record, with the reason."""

import pytest

from testbed import NotContained, abort, connection_reset, constant_rate, get, latency, max_latency, statuses, topology

meshed = topology("protocols/topology.yaml", scope="module")
bare = topology("protocols/topology.yaml", mesh="none", scope="module")
declared_http2 = topology("protocols/wrong.yaml", scope="module")
EDGE = "front -> back"
SHORT = {"warmup_s": 0.3, "baseline_s": 0.3, "hold_s": 1, "recover_s": 0.1}


@pytest.mark.parametrize("path", ["/old", "/big", "/many", "/websocket"])
@pytest.mark.parametrize("name", ["meshed", "bare"])
def test_steady_it_works(request, name, path):
    with request.getfixturevalue(name).client() as client:
        assert client.get(path).status_code == 200


@pytest.mark.parametrize(("name", "who"), [("meshed", "the caller's proxy"), ("bare", "the inlet")])
def test_planted_what_our_proxies_refuse_is_named(request, name, who):
    run = request.getfixturevalue(name).experiment(load=constant_rate(get("/unknown-upgrade"), rps=25), **SHORT)
    with pytest.raises(NotContained):
        run.check(all=[statuses(200)])
    told = " ".join(run.warnings)
    assert f"{who} did not accept" in told
    assert "403 (upgrade_failed" in told
    assert "never used its link" not in told


@pytest.mark.parametrize(
    ("fault", "check"),
    [
        pytest.param(latency(ms=300), max_latency(under_ms=250), id="latency"),
        pytest.param(connection_reset(), statuses(200), id="reset"),
        pytest.param(abort(503), statuses(200), id="abort of the handshake"),
    ],
)
def test_planted_faults_act_on_upgrades(meshed, fault, check):
    run = meshed.experiment(fault.on(EDGE), load=constant_rate(get("/websocket"), rps=10), **SHORT)
    with pytest.raises(NotContained):
        run.check(all=[check])


def test_steady_an_upgrade_is_a_good_call(meshed):
    run = meshed.experiment(load=constant_rate(get("/websocket"), rps=10), **SHORT)
    run.check(all=[statuses(200)])
    calls = run.history.index.calls.on(EDGE)
    assert calls
    assert all(call.ok and call.status == 101 for call in calls)


def test_planted_a_wrong_protocol_is_named(declared_http2):
    run = declared_http2.experiment(load=constant_rate(get("/old"), rps=25), **SHORT)
    with pytest.raises(NotContained):
        run.check(all=[statuses(200)])
    assert any("wrong protocol on front -> back: back does not answer HTTP/2" in one for one in run.warnings)
