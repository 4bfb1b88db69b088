"""What another local user, or a web page in a browser, can do at the ports of a run: send requests, and read counters.

Every port that a process of the run listens at is asked for all that controls an Envoy or the inlet.
"""

from __future__ import annotations

import http.client
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from testbed.envoy.bootstrap import READ_ONLY
from testbed.faults.operations import Rule
from testbed.injection.inlet.control import authorization
from testbed.injection.inlet.inlet import TOKEN
from testbed.injection.inlet.rules import encode
from tests.kit.planes import Stage, stage

pytestmark = pytest.mark.e2e
ORDERS = (
    *("/quitquitquit", "/healthcheck/fail", "/drain_listeners", "/reset_counters", "/logging?level=trace"),
    *("/runtime_modify?a=b", "/cpuprofiler?enable=y", "/heapprofiler?enable=y", "/stats/recentlookups/enable"),
)
PAGES = [
    {},
    {"Origin": "http://evil.example", "Content-Type": "text/plain"},
    {"Host": "evil.example:9991"},  # a name of the page that points here
    {"Authorization": "Bearer "},
    {"Authorization": f"Bearer {'0' * 64}"},
]


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("control") / "run") as made:
        yield made


@pytest.fixture
def ruled(started: Stage) -> Iterator[tuple[Stage, Rule]]:
    """A stage whose inlet has one rule, which meets no request."""
    rule = Rule("f1", (started.links[0].inlet or "",), delay_ms=0)
    started.control.set([rule])
    yield started, rule
    started.control.set([])


def answer(address: str, method: str, path: str, body: str | None, headers: Mapping[str, str]) -> tuple[int, str]:
    connection = http.client.HTTPConnection(address, timeout=60)
    try:
        connection.request(method, path, body, dict(headers))
        response = connection.getresponse()
        return response.status, response.read().decode()
    except (OSError, http.client.HTTPException):
        return 0, ""
    finally:
        connection.close()


def ports_of(pid: int) -> list[str]:
    """Every ip:port at which a process listens."""
    inodes = {os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()}
    rows = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    mine = [row[1].split(":") for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in inodes]
    return [f"{'.'.join(str(byte) for byte in reversed(bytes.fromhex(ip)))}:{int(port, 16)}" for ip, port in mine]


def pids(of: Stage) -> dict[str, int]:
    return {name: of.runtime.pid(name) for name in ("links", "inlet", "caller-1/proxy")}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_the_rules_need_the_token(ruled: tuple[Stage, Rule], page: Mapping[str, str]) -> None:
    inlet, rule = ruled
    for method, body in (("POST", ""), ("PUT", encode([Rule("f2", rule.inlets, abort=500)])), ("GET", None)):
        assert answer(inlet.plan.inlet_control, method, "/rules", body, page)[0] == 401
    assert inlet.rules() == (rule,)


def test_no_port_of_a_run_takes_an_order(ruled: tuple[Stage, Rule]) -> None:
    of, rule = ruled
    before = pids(of)
    ports = [port for pid in before.values() for port in ports_of(pid)]
    assert {of.plan.inlet_admin, of.plan.inlet_control, of.links[0].listen} <= set(ports)
    for port in ports:
        for order in (*ORDERS, "/rules"):
            answer(port, "POST", order, "", {})
    assert pids(of) == before
    assert of.rules() == (rule,)
    assert of.get().status == 200


def test_an_admin_address_answers_what_changes_nothing(started: Stage) -> None:
    for admin in (started.plan.inlet_admin, f"{started.caller.address}:{started.topology.ports.admin}"):
        assert [answer(admin, "GET", path, None, {})[0] for path in READ_ONLY] == [200] * len(READ_ONLY)
        assert {answer(admin, "POST", order, "", {})[0] for order in ORDERS} == {403}


def test_the_token_is_in_no_configuration_and_closed_to_others(ruled: tuple[Stage, Rule]) -> None:
    of, _ = ruled
    token = authorization(of.directory)["Authorization"].removeprefix("Bearer ")
    assert token not in answer(of.plan.inlet_admin, "GET", "/config_dump", None, {})[1]
    assert stat.S_IMODE((of.directory / TOKEN).stat().st_mode) == 0o600
    assert stat.S_IMODE(of.directory.stat().st_mode) == 0o700


def test_a_restarted_inlet_asks_for_the_same_token(ruled: tuple[Stage, Rule]) -> None:
    of, _ = ruled
    of.runtime.restart("inlet")
    assert answer(of.plan.inlet_control, "GET", "/rules", None, {})[0] == 401
    assert of.rules() == ()
