"""No daemon, one that this user may not use, and one that dies in mid-test (a daemon of the test's own)."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from ipaddress import ip_address
from pathlib import Path

import pytest

import testbed
from testbed import constant_rate, get
from testbed.errors import TestbedError, Unavailable
from testbed.runtime import proc
from testbed.runtime.docker.engine import Engine
from testbed.runtime.docker.leftovers import found, remove
from testbed.runtime.tools import binaries
from testbed.spec.topology import Topology
from tests.kit.processes import eventually

pytestmark = pytest.mark.e2e
of_its_own = pytest.mark.needs("root", "dockerd", "iproute2")
ONE = Topology(name="one", entry="app", mesh="none", services={"app": {"language": "go"}})


def test_without_a_daemon_there_is_one_message(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    with (
        pytest.raises(Unavailable, match=r"no Docker daemon: .*docker\.sock does not exist.*--testbed-runtime=process"),
        testbed.start(ONE, runtime="docker"),
    ):
        pass
    assert found() == []


@pytest.mark.needs("root")
def test_a_user_without_access_is_told_so() -> None:
    drop = "import os; os.setgroups([]); os.setgid(65534); os.setuid(65534)"
    words = [sys.executable, "-c", f"import docker; from testbed.runtime.docker.engine import Engine; {drop}; Engine()"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert "testbed.errors.Unavailable: user 65534 may not use the Docker daemon at" in done.stderr


BRIDGE, PART = f"tb-{os.getpid()}", 16 * (os.getpid() % 8192)  # another one for each worker
FIRST = f"{ip_address('198.18.0.1') + PART}/28"  # of addresses for benchmarks, which nobody has (RFC 2544)


class Daemon:
    """A dockerd of our own, with folders and a bridge of its own, whose network needs no rule of the machine's.

    Without a bridge named (`--bridge=none`) it would remove the machine's docker0, and break the daemon that has it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.host = f"unix://{folder}/docker.sock"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; again if it gives up, as it does where the machine is so busy that its containerd is late."""
        places = {"data-root": "data", "exec-root": "exec", "pidfile": "docker.pid"}
        words = [f"--{option}={self._folder}/{place}" for option, place in places.items()]
        quiet = [f"--bridge={BRIDGE}", "--iptables=false", "--ip-masq=false", "--storage-driver=vfs"]
        with (self._folder / "dockerd.log").open("ab") as log:
            for _ in range(3):
                command = ["dockerd", f"--host={self.host}", *words, *quiet]
                self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
                if self._answers():
                    return
        raise AssertionError((self._folder / "dockerd.log").read_text()[-2000:])

    def _answers(self) -> bool:
        assert self._process is not None
        while self._process.poll() is None:
            with suppress(TestbedError):
                Engine().close()
                return True
            time.sleep(0.2)
        return False

    def kill(self) -> None:
        """Kill it; its containerd dies with it, and may be nobody's to reap: the next daemon would wait for it."""
        assert self._process is not None
        told = self._folder / "exec/containerd/containerd.pid"
        containerd = int(told.read_text())
        self._process.kill()
        self._process.wait()
        eventually(lambda: not alive(containerd), within_s=60)
        told.unlink(missing_ok=True)

    def stop(self) -> None:
        """End it, and what it has left where it could not end well: containerd and its shims name our folder."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(60)
        for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
            with suppress(OSError):
                if str(self._folder).encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                    os.kill(pid, signal.SIGKILL)
        self._unmount()

    def _unmount(self) -> None:
        """Let go of what a killed daemon and its containers have mounted; pytest could not remove the folder."""
        points = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
        for point in sorted((p for p in points if p.startswith(f"{self._folder}/")), reverse=True):
            subprocess.run(["umount", "--lazy", point], check=True)


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    folder = tmp_path_factory.mktemp("dockerd")
    daemon = Daemon(folder)
    subprocess.run(["ip", "link", "add", BRIDGE, "type", "bridge"], check=True)
    subprocess.run(["ip", "address", "add", FIRST, "dev", BRIDGE], check=True)
    monkeypatch.setenv("DOCKER_HOST", daemon.host)
    monkeypatch.setenv("TESTBED_IMAGE", "only-sleep")
    daemon.start()
    engine = Engine()
    engine.import_image(only_sleep(folder), "only-sleep")
    engine.close()
    yield daemon
    daemon.stop()
    subprocess.run(["ip", "link", "delete", BRIDGE], check=True)
    shutil.rmtree(folder, ignore_errors=True)


def only_sleep(folder: Path) -> Path:
    """A root file system with nothing but `sleep`, which a pod's holder needs, and the libraries of that and Envoy."""
    program, envoy = shutil.which("sleep"), binaries.find("envoy")
    assert program is not None
    told = subprocess.run(["ldd", program, envoy], capture_output=True, text=True, check=True).stdout.split()
    tar = folder / "only-sleep.tar"
    with tarfile.open(tar, mode="w") as file:
        file.add(Path(program).resolve(), "bin/sleep")
        for path in {word for word in told if word.startswith("/") and not word.endswith(":")}:
            file.add(Path(path).resolve(), path.lstrip("/"))
    return tar


@of_its_own
def test_a_daemon_that_dies_in_mid_test_is_one_message_and_nothing_goes_on(daemon: Daemon) -> None:
    with testbed.start(ONE, runtime="docker") as bed:
        pids = list(bed.parts.runtime.backend.containers.pids())  # type: ignore[attr-defined]
        assert len(pids) == 5
        traffic = bed.load(
            constant_rate(get("/"), rps=10, timeout_s=1)
        )  # another daemon's rules may keep it from its pod
        traffic.run(for_s=0.2, phase="well")
        daemon.kill()
        traffic.run(for_s=0.2, phase="without a daemon")
        with pytest.raises(TestbedError, match=r"the Docker daemon at unix://.* has died during this run"):
            traffic.result()
    eventually(lambda: not any(map(alive, pids)), within_s=60)
    daemon.start()
    left = [name for _, name, _ in found()]
    assert len(left) == 6
    remove(*left)
    assert found() == []


@of_its_own
def test_a_published_port_that_somebody_else_has_is_passed_over(daemon: Daemon) -> None:
    """A new daemon begins at the first port of the range, gives up after ten that are in use, and says so."""
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    with ExitStack() as taken:
        for port in range(first, first + 15):
            with suppress(OSError):  # in use already is what we want
                taken.enter_context(socket.create_server(("127.0.0.1", port)))
        with testbed.start(ONE, runtime="docker") as bed:
            doors = bed.parts.runtime.backend.containers.published.values()  # type: ignore[attr-defined]
            assert max(int(door.rpartition(":")[2]) for door in doors) >= first + 15


def alive(pid: int) -> bool:
    return bool(proc.states(pid) - {"Z", "X"})
