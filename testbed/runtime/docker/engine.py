"""The Docker daemon. The only file that uses the SDK; every failure is a `TestbedError`."""

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
CONNECT_S = 5.0
AT_ONCE = 8  # parallel requests to the daemon
PORT_TRIES = 5  # the daemon tries ten ports in a row each time, and continues after them
LOOPBACK = "127.0.0.1"
START = "start it (`systemctl start docker`), or set DOCKER_HOST"
WITHOUT = "; without Docker, use --testbed-runtime=process"
T = TypeVar("T")
R = TypeVar("R")


class EngineGone(TestbedError):
    """The daemon no longer answers."""


class Refused(TestbedError):
    """The daemon refuses a request; `status` is its HTTP status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Spec:
    """One container to create."""

    name: str
    image: str
    argv: tuple[str, ...]  # (): the default command of the image
    network: str  # the name of a network, or "container:NAME" to share the network of a container
    address: str = ""  # in that network
    ports: tuple[int, ...] = ()  # published on loopback, each at a free port
    env: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    user: str = ""  # "": the default user of the image
    folders: Mapping[str, bool] = field(default_factory=dict)  # mounted at the same path -> whether writable
    cwd: str = ""
    capabilities: tuple[str, ...] = ()
    sysctls: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Facts:
    """The state of a container."""

    pid: int  # 0: it does not run
    paused: bool
    code: int
    ports: Mapping[int, str]  # inside -> "127.0.0.1:32768"


def at_once(act: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Call a function for each item in threads. After all calls, raise the first error, if any."""
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="testbed-docker") as pool:
        return list(pool.map(act, items))


class Engine:
    """A connection to the daemon, safe to use from several threads. Raises `Unavailable` if there is none.

    It has one short method for each kind of request.
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
            self.api = docker.APIClient(version="auto", timeout=timeout_s, max_pool_size=4 * AT_ONCE, **settings)
        except Exception as problem:
            raise Unavailable(why_not(self.address, problem) + WITHOUT) from problem

    def close(self) -> None:
        """Close the connections."""
        self.api.close()

    @cached_property
    def info(self) -> Mapping[str, Any]:
        """The daemon's description of itself and its machine."""
        with self._asking("its description"):
            found: Mapping[str, Any] = self.api.info()
            return found

    # -- images and networks

    def has_image(self, name: str) -> bool:
        """Whether the daemon has an image locally."""
        try:
            with self._asking(f"the image {name}"):
                self.api.inspect_image(name)
        except Refused as refusal:
            if refusal.status != 404:
                raise
            return False
        return True

    def import_image(self, tar: Path, name: str) -> None:
        """Create an image from a root file system."""
        repository, _, tag = name.partition(":")
        with self._asking(f"the image {name}"):
            self.api.import_image_from_file(str(tar), repository=repository, tag=tag or "latest")

    def create_network(self, name: str, subnet: str, gateway: str, labels: Mapping[str, str]) -> None:
        """Create a network. Raises `Refused` if the subnet overlaps with another network."""
        import docker.types as types

        pool = types.IPAMPool(subnet=subnet, gateway=gateway)
        with self._asking(f"the network {subnet}"):
            ipam = types.IPAMConfig(pool_configs=[pool])
            self.api.create_network(name, driver="bridge", ipam=ipam, labels=dict(labels))

    def remove_network(self, name: str) -> None:
        """Remove a network if it exists."""
        with self._unless_gone(), self._asking(f"the network {name}"):
            self.api.remove_network(name)

    def networks(self, filters: Mapping[str, str]) -> list[tuple[str, dict[str, str]]]:
        """Return id and labels of networks."""
        with self._asking("its networks"):
            return [(one["Id"], one.get("Labels") or {}) for one in self.api.networks(filters=dict(filters))]

    # -- containers

    def containers(self, filters: Mapping[str, str]) -> list[tuple[str, dict[str, str]]]:
        """Return id and labels of containers, including stopped ones."""
        with self._asking("its containers"):
            listed = self.api.containers(all=True, filters=dict(filters))
        return [(one["Id"], one.get("Labels") or {}) for one in listed]

    def create(self, spec: Spec) -> str:
        """Create a container and return its id."""
        import docker.types as types

        mounts = [types.Mount(path, path, type="bind", read_only=not w) for path, w in spec.folders.items()]
        with self._asking(spec.name):
            host = self.api.create_host_config(
                network_mode=spec.network,
                mounts=mounts,
                port_bindings=dict.fromkeys(spec.ports, (LOOPBACK,)),
                cap_add=list(spec.capabilities),
                sysctls=dict(spec.sysctls),
                log_config=types.LogConfig(type="json-file"),
            )
            own = {spec.network: self.api.create_endpoint_config(ipv4_address=spec.address)} if spec.address else None
            made = self.api.create_container(
                spec.image,
                name=spec.name,
                entrypoint=list(spec.argv) or None,
                environment=dict(spec.env),
                user=spec.user or None,
                working_dir=spec.cwd or None,
                ports=list(spec.ports),
                labels=dict(spec.labels),
                host_config=host,
                networking_config=self.api.create_networking_config(own) if own else None,
            )
        return str(made["Id"])

    def start(self, container: str) -> None:
        """Start or restart a container.

        The port that the daemon picks for publishing may be in use, for example by another daemon with the same port
        range. The next try gets other ports.
        """
        for left in reversed(range(PORT_TRIES)):
            try:
                with self._asking("a start"):
                    self.api.start(container)
                return
            except Refused as refusal:
                if "address already in use" not in str(refusal) or not left:
                    raise

    def signal(self, container: str, number: int) -> None:
        """Send a signal to its first process, if it runs."""
        with self._unless_gone(), self._asking(f"signal {number}"):
            self.api.kill(container, number)

    def pause(self, container: str) -> None:
        """Pause a container."""
        with self._asking("a pause"):
            self.api.pause(container)

    def unpause(self, container: str) -> None:
        """Resume a container."""
        with self._asking("an unpause"):
            self.api.unpause(container)

    def limit(self, container: str, **limits: int) -> None:
        """Set limits (`cpu_period`, `cpu_quota`, `mem_limit`, `memswap_limit`; -1 is none)."""
        with self._asking("a limit"):
            self.api.update_container(container, **limits)

    def facts(self, container: str) -> Facts:
        """Return the state of a container."""
        with self._asking("a container's state"):
            found = self.api.inspect_container(container)
        state, published = found["State"], found["NetworkSettings"]["Ports"] or {}
        ports = {
            int(inside.partition("/")[0]): _published_at(bindings[0])
            for inside, bindings in published.items()
            if bindings
        }
        return Facts(state["Pid"], state["Paused"], state["ExitCode"], ports)

    def log(self, container: str, lines: int | str = "all") -> str:
        """Return the last log lines of a container; "" if it is removed."""
        with suppress(Refused), self._asking("a log"):
            return str(self.api.logs(container, tail=lines).decode(errors="replace"))
        return ""

    def cpu_seconds(self, container: str) -> float:
        """Return the CPU time since its last start; 0 if it does not run."""
        with self._asking("a container's statistics"):
            stats = self.api.stats(container, stream=False, one_shot=True)
        return float(stats["cpu_stats"]["cpu_usage"]["total_usage"]) / 1e9

    def run(self, container: str, words: Sequence[str]) -> tuple[int, str, str]:
        """Run a command in a container to its end. Return exit code, stdout and stderr."""
        with self._asking("a command in a container"):
            made = self.api.exec_create(container, list(words))["Id"]
            out, err = ((part or b"").decode(errors="replace") for part in self.api.exec_start(made, demux=True))
            return self.api.exec_inspect(made)["ExitCode"], out, err

    def remove(self, container: str) -> None:
        """Kill and remove a container with its anonymous volumes, if it exists."""
        with self._unless_gone(), self._asking("a removal"):
            self.api.remove_container(container, force=True, v=True)

    def events(self, run: Mapping[str, str]) -> Any:
        """Return a stream of decoded container events from now on. It has a `close()`."""
        with self._asking("its events"):
            return self.api.events(filters={"type": "container", **run}, decode=True)

    @contextmanager
    def _asking(self, what: str) -> Iterator[None]:
        """Turn exceptions of the SDK into one message."""
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
            raise EngineGone(f"the Docker daemon at {self.address} no longer answers: {problem}") from problem

    @contextmanager
    def _unless_gone(self) -> Iterator[None]:
        """Ignore a container or network that does not exist, does not run, or is being removed."""
        try:
            yield
        except Refused as refusal:
            if refusal.status not in (404, 409):
                raise


def _published_at(binding: Mapping[str, str]) -> str:
    return f"{binding['HostIp']}:{binding['HostPort']}"


def check_listening(address: str) -> None:
    """Raise `OSError` if no process listens at a local address. The SDK would leave a socket open then."""
    scheme, _, path = address.partition("://")
    if scheme in ("unix", "http+unix"):
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(CONNECT_S)
            probe.connect(path)


def why_not(address: str, problem: Exception) -> str:
    """Write why there is no daemon at an address, and what to do."""
    match problem:
        case FileNotFoundError():
            return f"no Docker daemon: {address} does not exist. Install Docker and {START}"
        case PermissionError():
            return f"user {os.geteuid()} may not use the Docker daemon at {address}: join the group that owns it"
        case ConnectionRefusedError():
            return f"no Docker daemon answers at {address}, it has stopped: {START}"
    return f"no Docker daemon answers at {address} ({problem})"
