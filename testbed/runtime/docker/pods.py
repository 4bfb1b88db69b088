"""From a plan's processes to containers: which share a network namespace, what each sees of the machine. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from testbed.plan.values import Process
from testbed.runtime.docker import labels
from testbed.runtime.docker.engine import Spec
from testbed.runtime.folder import filled

# A pod's holder keeps its network namespace while apps and proxies in it die and come back, as Kubernetes' pause does.
HOLD = ("sleep", "infinity")
HOLD_MORE = 'for each in "$@"; do ip addr add "$each/16" dev eth0 || exit 1; done; exec sleep infinity'
EARLY = {"net.ipv4.ip_nonlocal_bind": "1"}  # so that nobody has to wait until the holder has added an address


@dataclass(frozen=True, slots=True)
class Pod:
    """Processes that have an address in common, and hence a network namespace."""

    name: str  # "checkout-1"
    addresses: tuple[str, ...]  # the first is the one that the network gives it
    processes: tuple[str, ...]
    ports: tuple[int, ...]  # those of the first address at which the test talks to it


@dataclass(frozen=True, slots=True)
class RunContext:
    """What all containers of one run have in common."""

    network: str  # its name, with which the containers' names begin
    labels: Mapping[str, str]
    image: str
    user: str  # "1000:1000"
    folder: Path  # the run's own
    tools: Mapping[str, Path]

    def holder(self, pod: Pod) -> str:
        """Return the name of the container that keeps a pod's network."""
        return self.name(f"{pod.name}/pod")

    def name(self, of: str) -> str:
        """Return the name of a process's container."""
        return f"{self.network}-{of.replace('/', '-').replace('@', '-')}"


def pods(processes: Iterable[Process], routed: bool) -> tuple[Pod, ...]:
    """Group processes by the addresses that they listen on; two that share one share all.

    Where the network is not `routed` from here, what is looked at to see that they are ready is published as well.
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
    """Return the "ip:port" at which a process says that it is ready."""
    parts = urlsplit(process.ready.url)
    return f"{parts.hostname}:{parts.port or 80}"


def _ip(address: str) -> str:
    return address.rpartition(":")[0]


def holder(pod: Pod, context: RunContext) -> Spec:
    """Return the container that keeps a pod's network."""
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
    """Return the container of a process: a program of this machine in the base image, or a user's own image."""
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
        folders={str(context.folder): True, **dict.fromkeys(_seen(process.argv[0], tool, process.argv[1:]), False)},
        cwd=str(context.folder),
    )


def _seen(name: str, tool: Path, words: Iterable[str]) -> Iterator[str]:
    """What a program needs of this machine: itself (Python its whole prefix), and files and folders in its words."""
    program = tool.resolve()
    yield str(program.parents[1] if name == "python" else program)
    for word in words:
        path = Path(word)
        if path.is_absolute() and path.is_file():  # one of the run's own begins with {dir}
            yield str(path.parent)
        elif path.is_absolute() and path.is_dir():
            yield word
