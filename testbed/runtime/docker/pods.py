"""Turns the processes of a plan into containers: their shared network namespaces and mounted folders. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from testbed.plan.values import Process
from testbed.runtime.docker import labels
from testbed.runtime.docker.engine import Spec
from testbed.runtime.folder import filled

# The holder keeps the network namespace of a pod while its apps and proxies restart, like the pause container.
HOLD = ("sleep", "infinity")
HOLD_MORE = 'for each in "$@"; do ip addr add "$each/16" dev eth0 || exit 1; done; exec sleep infinity'
EARLY = {"net.ipv4.ip_nonlocal_bind": "1"}  # processes need not wait until the holder has added an address


@dataclass(frozen=True, slots=True)
class Pod:
    """Processes that share an address and therefore a network namespace."""

    name: str  # "checkout-1"
    addresses: tuple[str, ...]  # the network assigns the first one
    processes: tuple[str, ...]
    ports: tuple[int, ...]  # the ports at the first address that the test process uses


@dataclass(frozen=True, slots=True)
class RunContext:
    """The common settings of all containers of one run."""

    network: str  # its name, the prefix of container names
    labels: Mapping[str, str]
    image: str
    user: str  # "1000:1000"
    folder: Path  # the folder of the run
    tools: Mapping[str, Path]

    def holder(self, pod: Pod) -> str:
        """Return the name of the holder container of a pod."""
        return self.name(f"{pod.name}/pod")

    def name(self, of: str) -> str:
        """Return the name of the container of a process."""
        return f"{self.network}-{of.replace('/', '-').replace('@', '-')}"


def pods(processes: Iterable[Process], routed: bool) -> tuple[Pod, ...]:
    """Group processes into pods by their listening addresses. Two processes with a common address share a pod.

    If the network is not `routed` from here, the addresses of readiness checks are published too.
    """
    groups: list[tuple[list[Process], dict[str, None]]] = []
    for process in processes:
        found = dict.fromkeys(map(_ip, (*process.listens, ready_address(process))))
        mine = [group for group in groups if group[1].keys() & found.keys()]
        members = [*(one for group in mine for one in group[0]), process]
        addresses = dict.fromkeys(one for group in (*mine, ([], found)) for one in group[1])
        groups = [*(group for group in groups if group not in mine), (members, addresses)]
    return tuple(_pod(members, tuple(addresses), routed) for members, addresses in groups)


def _pod(members: Sequence[Process], addresses: tuple[str, ...], routed: bool) -> Pod:
    asked = [address for one in members for address in (*one.reached, *(() if routed else (ready_address(one),)))]
    ports = dict.fromkeys(int(address.rpartition(":")[2]) for address in asked if _ip(address) == addresses[0])
    return Pod(members[0].name.partition("/")[0], addresses, tuple(one.name for one in members), tuple(ports))


def ready_address(process: Process) -> str:
    """Return the "ip:port" of the readiness check of a process."""
    parts = urlsplit(process.ready.url)
    return f"{parts.hostname}:{parts.port or 80}"


def _ip(address: str) -> str:
    return address.rpartition(":")[0]


def holder(pod: Pod, context: RunContext) -> Spec:
    """Return the holder container of a pod."""
    first, *more = pod.addresses
    return Spec(
        name=context.holder(pod),
        image=context.image,
        argv=("/bin/sh", "-c", HOLD_MORE, "holder", *more) if more else HOLD,
        network=context.network,
        address=first,
        ports=pod.ports,
        labels={**context.labels, labels.PROCESS: ""},
        user="0",
        capabilities=("NET_ADMIN",) if more else (),
        sysctls=EARLY if more else {},
    )


def container(process: Process, pod: Pod, context: RunContext, environment: Mapping[str, str]) -> Spec:
    """Return the container of a process: a program of this machine in the base image, or a custom image."""
    name, network = context.name(process.name), f"container:{context.holder(pod)}"
    marks = {**context.labels, labels.PROCESS: process.name}
    argv = tuple(filled(word, context.folder) for word in process.argv)
    own = {key: filled(value, context.folder) for key, value in process.env.items()}
    if process.image:
        uses = "{dir}" in "".join((*process.argv, *process.env.values()))
        return Spec(
            name,
            process.image,
            argv,
            network,
            env=own,
            labels=marks,
            folders={str(context.folder): True} if uses else {},
        )
    tool = context.tools[process.argv[0]]
    return Spec(
        name,
        context.image,
        (str(tool.resolve()), *argv[1:]),
        network,
        env={**environment, **own},
        labels=marks,
        user=context.user,
        folders={str(context.folder): True, **dict.fromkeys(_mounted(process.argv[0], tool, process.argv[1:]), False)},
        cwd=str(context.folder),
    )


def _mounted(name: str, tool: Path, words: Iterable[str]) -> Iterator[str]:
    """Yield the paths of this machine that a program needs: itself, and the files and folders in its arguments."""
    program = tool.resolve()
    yield str(program.parents[1] if name == "python" else program)
    for word in words:
        path = Path(word)
        if path.is_absolute() and path.is_file():  # paths in the folder of the run begin with {dir}
            yield str(path.parent)
        elif path.is_absolute() and path.is_dir():
            yield word
