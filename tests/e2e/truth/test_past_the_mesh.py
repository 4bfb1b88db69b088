"""A service that reaches another past its link, in a part of its calls: named, and no verdict of the link holds."""

from pathlib import Path

import pytest

from testbed import (
    Inconclusive,
    NotContained,
    availability,
    constant_rate,
    contained,
    get,
    kill,
    latency,
    load_topology,
    start,
)

HERE = Path(__file__).parent / "past_the_mesh"
LOAD = constant_rate(get("/"), rps=30)
SHORT = {"warmup_s": 0.5, "baseline_s": 1, "hold_s": 1.5, "recover_s": 0.2}
EDGE = "shop -> pricing"
SLOW = latency(ms=20).on(EDGE)
MOST_SUCCEED = availability(at_least_percent=80)


@pytest.fixture
def shop(request, tmp_path):
    text = f"""
name: past-the-mesh
entry: shop
services:
  shop:
    command: python3 -S {HERE}/shop.py
    env: {{REGISTRY: "{{{{dir}}}}"{request.param}}}
    calls: [pricing]
  pricing: {{command: "python3 -S {HERE}/pricing.py", env: {{REGISTRY: "{{{{dir}}}}"}}}}
"""
    file = tmp_path / "topology.yaml"
    file.write_text(text)
    with start(load_topology(file)) as bed:
        yield bed


@pytest.mark.parametrize("shop", [', PAST: "1", KEEP: "1"'], indirect=True)
def test_planted_kept_connections_past_the_link_are_named_with_their_share(shop):
    run = shop.experiment(SLOW, load=LOAD, **SHORT)
    with pytest.raises(Inconclusive, match="shop has 1 of"):
        run.check(all=[MOST_SUCCEED])


@pytest.mark.parametrize("shop", [', PAST: "1"'], indirect=True)
def test_planted_short_connections_past_the_link_are_found_after_they_are_closed(shop):
    run = shop.experiment(SLOW, load=LOAD, **SHORT)
    with pytest.raises(Inconclusive):
        run.check(all=[MOST_SUCCEED])
    assert any("past" in one and EDGE in one for one in run.warnings)
    down = shop.experiment(kill().on(service="pricing"), load=LOAD, **SHORT)
    with pytest.raises(NotContained):
        down.check(all=[contained()])


@pytest.mark.parametrize("shop", [""], indirect=True)
def test_fixed_a_service_that_uses_its_link_is_not_accused(shop):
    run = shop.experiment(SLOW, load=LOAD, **SHORT)
    run.check(all=[MOST_SUCCEED])
    assert run.history.index.detours == []
    down = shop.experiment(kill().on(service="pricing"), load=LOAD, **SHORT)
    with pytest.raises(NotContained):
        down.check(all=[contained()])
    assert down.history.index.detours == []
