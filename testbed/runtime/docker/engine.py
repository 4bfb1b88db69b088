"""The Docker daemon as the runtime needs it; the only file that knows the SDK. Every trouble is a `TestbedError`."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from testbed.errors import TestbedError, Unavailable

TIMEOUT_S = 30.0
KNOCK_S = 5.0
AT_ONCE = 8  # requests that the daemon gets at the same time
PORT_TRIES = 5  # the daemon itself tries ten ports in a row each time, and goes on from there
LOOPBACK = "127.0.0.1"
START = "start it (`systemctl start docker`), or set DOCKER_HOST"
ELSEWHERE = "; without Docker the same tests run with --testbed-runtime=process"
T = TypeVar("T")
R = TypeVar("R")


class EngineGone(TestbedError):
    """The daemon does not answer any more."""


class Refused(TestbedError):
    """The daemon says no; `status` is its HTTP status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Spec:
    """One container to be made."""

    name: str
    image: str
    argv: tuple[str, ...]  # (): what the image itself starts
    network: str  # a network's name, or "container:NAME" to be in that one's namespace
    address: str = ""  # in that network
    ports: tuple[int, ...] = ()  # published on loopback, each at a free port
    env: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    user: str = ""  # "": the image's own
    folders: Mapping[str, bool] = field(default_factory=dict)  # seen inside at the same path -> whether to write into
    cwd: str = ""
    capabilities: tuple[str, ...] = ()
    sysctls: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the daemon says of a container."""

    pid: int  # 0: it does not run
    paused: bool
    code: int
    ports: Mapping[int, str]  # inside -> "127.0.0.1:32768"


def at_once(act: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Do something with each item in threads; when all are done, raise the first error if there was one."""
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="testbed-docker") as pool:
        return list(pool.map(act, items))


class Engine:
    """A connection to the daemon, safe to use from several threads. Raises `Unavailable` if there is none.

    It has one short method for each thing that is asked of the daemon.
    """

    def __init__(self, timeout_s: float = TIMEOUT_S) -> None:
        try:
            import docker
        except ImportError:
            raise Unavailable("the docker runtime needs the Python package docker: pip install docker") from None
        settings = docker.utils.kwargs_from_env()
        self.address = settings.get("base_url") or "unix:///var/run/docker.sock"
        try:
            check_listening(self.address)
            self._api = docker.APIClient(version="auto", timeout=timeout_s, max_pool_size=4 * AT_ONCE, **settings)
        except Exception as problem:
            raise Unavailable(why_not(self.address, problem) + ELSEWHERE) from problem

    def close(self) -> None:
        """Let go of the connections."""
        self._api.close()

    @cached_property
    def info(self) -> Mapping[str, Any]:
        """What the daemon says of itself and its machine."""
        with self._asking("its description"):
            found: Mapping[str, Any] = self._api.info()
            return found

    # -- images and networks

    def has_image(self, name: str) -> bool:
        """Whether an image is there, to start a container without any registry."""
        try:
            with self._asking(f"the image {name}"):
                self._api.inspect_image(name)
        except Refused as refusal:
            if refusal.status != 404:
                raise
            return False
        return True

    def import_image(self, tar: Path, name: str) -> None:
        """Make an image of a root file system."""
        repository, _, tag = name.partition(":")
        with self._asking(f"the image {name}"):
            self._api.import_image_from_file(str(tar), repository=repository, tag=tag or "latest")

    def create_network(self, name: str, subnet: str, gateway: str, labels: Mapping[str, str]) -> None:
        """Make a network; `Refused` if the subnet overlaps that of another."""
        import docker.types as types

        pool = types.IPAMPool(subnet=subnet, gateway=gateway)
        with self._asking(f"the network {subnet}"):
            ipam = types.IPAMConfig(pool_configs=[pool])
            self._api.create_network(name, driver="bridge", ipam=ipam, labels=dict(labels))

    def remove_network(self, name: str) -> None:
        """Remove a network; one that has gone is no trouble."""
        with self._unless_gone(), self._asking(f"the network {name}"):
            self._api.remove_network(name)

    def networks(self, filters: Mapping[str, str]) -> list[tuple[str, dict[str, str]]]:
        """Return id and labels of networks."""
        with self._asking("its networks"):
            return [(one["Id"], one.get("Labels") or {}) for one in self._api.networks(filters=dict(filters))]

    # -- containers

    def containers(self, filters: Mapping[str, str]) -> list[tuple[str, dict[str, str]]]:
        """Return id and labels of containers, ended ones included."""
        with self._asking("its containers"):
            listed = self._api.containers(all=True, filters=dict(filters))
        return [(one["Id"], one.get("Labels") or {}) for one in listed]

    def create(self, spec: Spec) -> str:
        """Make a container and return its id."""
        import docker.types as types

        mounts = [types.Mount(path, path, type="bind", read_only=not w) for path, w in spec.folders.items()]
        with self._asking(spec.name):
            host = self._api.create_host_config(
                network_mode=spec.network,
                mounts=mounts,
                port_bindings=dict.fromkeys(spec.ports, (LOOPBACK,)),
                cap_add=list(spec.capabilities),
                sysctls=dict(spec.sysctls),
                log_config=types.LogConfig(type="json-file"),
            )
            own = {spec.network: self._api.create_endpoint_config(ipv4_address=spec.address)} if spec.address else None
            made = self._api.create_container(
                spec.image,
                name=spec.name,
                entrypoint=list(spec.argv) or None,
                environment=dict(spec.env),
                user=spec.user or None,
                working_dir=spec.cwd or None,
                ports=list(spec.ports),
                labels=dict(spec.labels),
                host_config=host,
                networking_config=self._api.create_networking_config(own) if own else None,
            )
        return str(made["Id"])

    def start(self, container: str) -> None:
        """Start it (again).

        A port that the daemon has chosen to publish may be in use already, by another daemon above all: it looks for
        one in the same range, each from its own place. The next try has later ports.
        """
        for left in reversed(range(PORT_TRIES)):
            try:
                with self._asking("a start"):
                    self._api.start(container)
                return
            except Refused as refusal:
                if "address already in use" not in str(refusal) or not left:
                    raise

    def signal(self, container: str, number: int) -> None:
        """Send its first process a signal; one that has ended is no trouble."""
        with self._unless_gone(), self._asking(f"signal {number}"):
            self._api.kill(container, number)

    def pause(self, container: str) -> None:
        """Freeze it."""
        with self._asking("a pause"):
            self._api.pause(container)

    def unpause(self, container: str) -> None:
        """Let it go on."""
        with self._asking("the end of a pause"):
            self._api.unpause(container)

    def limit(self, container: str, **limits: int) -> None:
        """Set limits (`cpu_period`, `cpu_quota`, `mem_limit`, `memswap_limit`; -1 is none)."""
        with self._asking("a limit"):
            self._api.update_container(container, **limits)

    def facts(self, container: str) -> Facts:
        """Ask what has become of it."""
        with self._asking("a container's state"):
            found = self._api.inspect_container(container)
        state, published = found["State"], found["NetworkSettings"]["Ports"] or {}
        ports = {
            int(inside.partition("/")[0]): _published_at(bindings[0])
            for inside, bindings in published.items()
            if bindings
        }
        return Facts(state["Pid"], state["Paused"], state["ExitCode"], ports)

    def log(self, container: str, lines: int | str = "all") -> str:
        """Return the last lines that it wrote; "" if it has been removed."""
        with suppress(Refused), self._asking("a log"):
            return str(self._api.logs(container, tail=lines).decode(errors="replace"))
        return ""

    def cpu_seconds(self, container: str) -> float:
        """Return the processor time of its present life; 0 if it does not run."""
        with self._asking("a container's statistics"):
            stats = self._api.stats(container, stream=False, one_shot=True)
        return float(stats["cpu_stats"]["cpu_usage"]["total_usage"]) / 1e9

    def run(self, container: str, words: Sequence[str]) -> tuple[int, str]:
        """Run a command in it to its end; return exit code and output."""
        with self._asking("a command in a container"):
            made = self._api.exec_create(container, list(words))["Id"]
            output = self._api.exec_start(made)
            return self._api.exec_inspect(made)["ExitCode"], output.decode(errors="replace")

    def remove(self, container: str) -> None:
        """End and remove it, with its anonymous volumes; one that has gone is no trouble."""
        with self._unless_gone(), self._asking("a removal"):
            self._api.remove_container(container, force=True, v=True)

    def events(self, run: Mapping[str, str]) -> Any:
        """Return a stream of what happens to containers, decoded, with a `close()`; from now on."""
        with self._asking("its events"):
            return self._api.events(filters={"type": "container", **run}, decode=True)

    @contextmanager
    def _asking(self, what: str) -> Iterator[None]:
        """Turn what the SDK raises into one message."""
        import docker.errors
        import requests

        try:
            check_listening(self.address)
            yield
        except docker.errors.APIError as error:
            text = error.explanation or str(error)
            status = error.response.status_code if error.response is not None else 0
            raise Refused(f"the Docker daemon refuses {what}: {text}", status) from error
        except (requests.exceptions.RequestException, OSError) as problem:
            raise EngineGone(f"the Docker daemon at {self.address} does not answer any more: {problem}") from problem

    @contextmanager
    def _unless_gone(self) -> Iterator[None]:
        """Take no notice of a container or network that is not there, does not run, or is being removed already."""
        try:
            yield
        except Refused as refusal:
            if refusal.status not in (404, 409):
                raise


def _published_at(binding: Mapping[str, str]) -> str:
    return f"{binding['HostIp']}:{binding['HostPort']}"


def check_listening(address: str) -> None:
    """Raise `OSError` if nobody listens at a local address: the SDK would leave a socket open when it finds out."""
    scheme, _, path = address.partition("://")
    if scheme in ("unix", "http+unix"):
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(KNOCK_S)
            probe.connect(path)


def why_not(address: str, problem: Exception) -> str:
    """Say why there is no daemon at an address, and what to do."""
    match problem:
        case FileNotFoundError():
            return f"no Docker daemon: there is no {address}. Install one and {START}"
        case PermissionError():
            return f"user {os.geteuid()} may not use the Docker daemon at {address}: join the group that owns it"
        case ConnectionRefusedError():
            return f"no Docker daemon answers at {address}, it has ended: {START}"
    return f"no Docker daemon answers at {address} ({problem})"
