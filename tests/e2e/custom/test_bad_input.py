"""What can go wrong with services of the user's own: each one clear message, and nothing is left running."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from testbed import start
from testbed.errors import TestbedError, TopologyError
from testbed.runtime.process import netns
from tests.kit.needs import need, skip
from tests.kit.processes import marked
from tests.kit.programs.small_service import PORT, command, written

pytestmark = pytest.mark.e2e


@contextmanager
def refused(folder: Path, services: dict[str, Any], kind: type[Exception] = TestbedError) -> Iterator[list[str]]:
    """Start these services in vain; the message is in the list, and no process is left."""
    mark, said = f"OWN_{os.getpid()}_{folder.name}=1", [""]
    for service in services.values():
        if "command" in service:
            service["env"] = {mark.partition("=")[0]: "1", **service.get("env", {})}
    topology = written(folder, services)
    with pytest.raises(kind) as caught, start(topology):
        pass
    said[0] = str(caught.value)
    yield said
    assert marked(mark) == set()


def test_a_command_that_does_not_exist(tmp_path: Path) -> None:
    with refused(tmp_path, {"web": {"command": ["npmm", "start"]}}, TopologyError) as said:
        line = next(
            n for n, text in enumerate((tmp_path / "shop.yaml").read_text().splitlines(), 1) if "command" in text
        )
        assert said[0].startswith(f"{tmp_path}/shop.yaml:{line}: services.web.command: 'npmm' not found on PATH or in")


def test_a_path_that_does_not_exist_gives_the_nearest_program(tmp_path: Path) -> None:
    (tmp_path / "serve-it").write_text("#!/bin/sh\n")
    (tmp_path / "serve-it").chmod(0o755)
    with refused(tmp_path, {"web": {"command": ["./serve-iit"]}}, TopologyError) as said:
        assert said[0].endswith("serve-iit does not exist (did you mean 'serve-it'?)")


def test_a_file_that_cannot_be_run(tmp_path: Path) -> None:
    with refused(tmp_path, {"web": {"command": ["./service.py"]}}, TopologyError) as said:
        assert said[0].endswith("service.py is not executable")


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    with refused(tmp_path, {"web": command() | {"workdir": "srv"}}, TopologyError) as said:
        assert f"services.web.workdir: there is no folder {tmp_path}/srv" in said[0]


def test_a_command_that_exits_at_once_shows_its_last_log_lines(tmp_path: Path) -> None:
    code = "import sys; print('no such table: offers', file=sys.stderr); sys.exit(3)"
    with refused(tmp_path, {"web": {"command": [sys.executable, "-c", code]}}) as said:
        assert "web-1/app ended before it was ready (exit code 3)" in said[0]
        assert "  | no such table: offers" in said[0]


def test_a_command_that_never_gets_ready_shows_its_last_log_lines(tmp_path: Path) -> None:
    web = command() | {"env": {"LATE": "600"}, "ready": {"http": "/up", "within": "3s"}}
    web["command"] = [sys.executable, "-u", "-c", "print('waiting for the moon'); exec(open('service.py').read())"]
    with refused(tmp_path, {"web": web}) as said:
        assert said[0].startswith("not ready after 3 s:\n  web-1/app: http://127.")
        assert "/up: connection refused" in said[0]
        assert "  | waiting for the moon" in said[0]


def test_a_command_that_listens_at_a_wrong_address_gets_a_hint(tmp_path: Path) -> None:
    web = command() | {"env": {"BIND": "127.0.0.1", "PORT": PORT}, "ready": {"within": "3s"}}
    with refused(tmp_path, {"web": web}) as said:
        assert f"; it listens on 127.0.0.1:{PORT} instead of 127." in said[0]
        assert f" (to allow this, set binds: all, port: {PORT})" in said[0]


@pytest.mark.parametrize(
    ("ready", "words"),
    [
        ({"log": "ready to serve"}, "a line like 'ready to serve' in its log: no matching line in"),
        ({"command": [sys.executable, "-c", "exit('not yet')"]}, "`: exit code 1: not yet"),
    ],
)
def test_an_unmet_readiness_condition_is_named(tmp_path: Path, ready: dict[str, Any], words: str) -> None:
    with refused(tmp_path, {"web": command() | {"ready": {**ready, "within": "3s"}}}) as said:
        assert words in said[0]


def test_a_service_that_never_gets_ready_blocks_the_services_that_need_it(tmp_path: Path) -> None:
    mark = tmp_path / "started"
    services = {
        "web": {"command": ["sh", "-c", f"touch {mark}; sleep 60"], "needs": ["base"]},
        "base": command() | {"env": {"LATE": "600"}, "ready": {"tcp": True, "within": "400ms"}},
    }
    with refused(tmp_path, services) as said:
        assert "base-1/app" in said[0]
    assert not mark.exists()


def test_a_build_that_fails_shows_its_output(tmp_path: Path) -> None:
    web = command() | {"build": ["sh", "-c", "echo undefined: Price; exit 2"]}
    with refused(tmp_path, {"web": web}, TopologyError) as said:
        assert (
            "services.web.build: `sh -c echo undefined: Price; exit 2` failed with exit code 2:\n  | undefined: Price"
            in said[0]
        )


@pytest.fixture
def no_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine where this user may make no network namespace."""
    monkeypatch.setattr(netns, "why_not", lambda: netns.REFUSED.format("operation not permitted"))


@pytest.mark.usefixtures("no_networks")
def test_two_services_on_one_fixed_port(tmp_path: Path) -> None:
    fixed = {"binds": "all", "port": 18_181}
    with refused(tmp_path, {"web": command() | fixed, "api": command() | fixed}) as said:
        assert "0.0.0.0:18181, needed by both web-1/app and api-1/app: no other process may use" in said[0]
        assert (
            "does not allow this user to create a network namespace (operation not permitted). Set kernel." in said[0]
        )


@pytest.mark.usefixtures("no_networks")
def test_a_fixed_port_on_all_addresses_that_others_use(tmp_path: Path) -> None:
    with refused(tmp_path, {"web": command() | {"binds": "all", "port": 8080}, "api": {"language": "go"}}) as said:
        assert ":8080, needed by api-1/app; 0.0.0.0:8080, needed by web-1/app: no other process may use" in said[0]
        assert "--testbed-runtime=docker" in said[0]


@pytest.mark.usefixtures("no_networks")
def test_a_fixed_port_on_all_addresses_that_a_foreign_process_has(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        with refused(tmp_path, {"web": command() | {"binds": "all", "port": port}}) as said:
            assert f"0.0.0.0:{port}, needed by web-1/app: held by" in said[0]
            assert f"listening on 127.0.0.1:{port}: no other process may use the port" in said[0]


def test_an_address_without_listener(tmp_path: Path) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        services = {"web": command() | {"calls": ["db"]}, "db": {"address": f"localhost:{port}"}}
        with refused(tmp_path, services, TopologyError) as said:
            assert f"services.db.address: no service answers at localhost:{port} (connection refused)" in said[0]


def test_an_unknown_host(tmp_path: Path) -> None:
    services = {"web": command() | {"calls": ["db"]}, "db": {"address": "db.invalid:5432"}}
    with refused(tmp_path, services, TopologyError) as said:
        assert "services.db.address: no service answers at db.invalid:5432 (" in said[0]


def test_an_image_needs_containers(tmp_path: Path) -> None:
    with refused(tmp_path, {"web": {"image": "nginx:1"}}, TopologyError) as said:
        assert "services.web.image: an image needs the docker runtime" in said[0]
        assert "--testbed-runtime=docker" in said[0]


TELLS = """
import sys
from testbed import start
from testbed.errors import TestbedError

try:
    with start("shop.yaml"):
        print("started")
except TestbedError as error:
    print(error)
"""


def without_networks(folder: Path, *words: str) -> str:
    """What Python says where the kernel lets nobody make a network: in a user namespace that may have none."""
    need("util-linux")
    limit = "echo 0 > /proc/sys/user/max_net_namespaces"
    inside = ["unshare", "--user", "--map-root-user", "sh", "-c", f'{limit} && exec "$@"', "sh", sys.executable]
    done = subprocess.run([*inside, *words], cwd=folder, capture_output=True, text=True, timeout=100)
    if "max_net_namespaces" in done.stderr or "unshare" in done.stderr:
        skip("networks", done.stderr)
    return done.stdout + done.stderr


def test_without_network_namespaces_the_message_has_the_reason_and_advice(tmp_path: Path) -> None:
    written(tmp_path, {"web": command() | {"binds": "all", "port": 8080, "replicas": 2}})
    said = without_networks(tmp_path, "-c", TELLS)
    assert "0.0.0.0:8080, needed by both web-1/app and web-2/app: no other process may use the port" in said
    assert "--testbed-runtime=docker" in said
    assert "this kernel does not allow this user to create a network namespace (no space left on device)" in said
    assert "its own network namespace" not in without_networks(tmp_path, "-m", "testbed", "plan", "shop.yaml")


def test_the_only_one_with_its_port_needs_no_network(tmp_path: Path) -> None:
    written(tmp_path, {"web": command() | {"binds": "all", "port": PORT}})
    assert without_networks(tmp_path, "-c", TELLS) == "started\n"
