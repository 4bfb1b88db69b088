"""What is executed for a process: whose program, whose environment, which network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from testbed.plan.values import Network, Process, Ready
from testbed.runtime.process import execution

FOLDER = Path("/run/of/mine")
OURS = Process("a-1/app", "app", ("python", "-c", "{dir}/x"), Ready("tcp://127.1.1.1:80"), env={"AT": "{dir}/y"})
OWN = replace(OURS, argv=("./serve", "{dir}"), custom=True)


def test_the_folder_is_filled_in_and_tools_are_found_by_name() -> None:
    assert execution.argv(OURS, {"python": "/usr/bin/python"}, FOLDER) == ["/usr/bin/python", "-c", "/run/of/mine/x"]
    assert execution.environment(OURS, FOLDER)["AT"] == "/run/of/mine/y"


def test_a_custom_program_is_searched_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "serve").touch(mode=0o755)
    found = execution.argv(replace(OWN, cwd=str(tmp_path)), {}, FOLDER)
    assert found == [str(tmp_path / "serve"), str(FOLDER)]


def test_only_custom_services_have_the_environment_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOMETHING_OF_THE_USERS", "yes")
    assert "SOMETHING_OF_THE_USERS" not in execution.environment(OURS, FOLDER)
    assert execution.environment(OWN, FOLDER)["SOMETHING_OF_THE_USERS"] == "yes"
    assert execution.environment(OWN, FOLDER)["TMPDIR"] == "/run/of/mine/tmp"


def test_where_a_service_sends_telemetry_here_the_collector_of_the_user_is_not_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://elsewhere/v1/traces")
    told = replace(OWN, env={"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.1.0.3:4318"})
    found = {key: value for key, value in execution.environment(told, FOLDER).items() if key.startswith("OTEL_")}
    assert found == told.env
    assert "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" in execution.environment(OWN, FOLDER)


def test_an_isolated_network_is_reached_at_the_address_of_the_process() -> None:
    isolated = replace(OWN, listens=("127.1.1.1:80",), network=Network(8080, ("127.1.1.2:90",)))
    made = execution.network(isolated, {"relay": "/bin/relay"})
    assert made == {"relay": "/bin/relay", "address": "127.1.1.1:80", "port": 8080, "upstreams": ("127.1.1.2:90",)}
    assert execution.network(OWN, {}) is None
