"""Pods without a container engine, as root: the replicas and the test's plane in network namespaces of their own.

The plane's namespace holds the bridge that joins them; the load enters through ports published on our own loopback, by
a proxy in our network (as a local engine does) or in one that is not ours (as an engine in a virtual machine does).
Namespaces go with the processes that hold them, and those with their standard input, hence with this process.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from queue import Queue
from typing import TypeVar

from testbed.plan.values import AddressSpace, File, Process, Ready
from testbed.runtime.process.backend import ProcessBackend
from testbed.runtime.process.lease import Lease, lease_block
from testbed.runtime.process.runtime import ProcessRuntime
from testbed.runtime.tools.inventory import find
from tests.kit.needs import need, skip
from tests.kit.processes import eventually

T = TypeVar("T")
CLONE_NEWNET = 0x40000000
OURS = "/proc/self/ns/net"


def ip(*words: str, enter: Sequence[str] = ()) -> None:
    subprocess.run([*enter, find("ip"), *words], check=True)


class Network:
    """A network namespace, up to now with a loopback only."""

    def __init__(self) -> None:
        need("util-linux", "iproute2")
        pipe = subprocess.PIPE
        self._holder = subprocess.Popen(["unshare", "--net", "cat"], stdin=pipe, stdout=pipe)
        assert self._holder.stdin is not None
        assert self._holder.stdout is not None
        self._holder.stdin.write(b"there\n")
        self._holder.stdin.flush()
        if not self._holder.stdout.readline():
            skip("networks", "this user may not make network namespaces: run the tests as root")
        self.pid, self.path = str(self._holder.pid), f"/proc/{self._holder.pid}/ns/net"
        self.enter = (find("nsenter"), f"--net={self.path}")
        self.ip = partial(ip, enter=self.enter)
        self.ip("link", "set", "lo", "up")

    def do(self, act: Callable[[], T]) -> T:
        """Do something in it: sockets that are made there stay there."""
        with ThreadPoolExecutor(1, initializer=enter, initargs=(self.path,)) as pool:
            return pool.submit(act).result()

    def close(self) -> None:
        assert self._holder.stdin is not None
        assert self._holder.stdout is not None
        self._holder.stdin.close()
        self._holder.wait()
        self._holder.stdout.close()


def enter(path: str) -> None:
    """Put this thread into a network."""
    with open(path) as file:
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


class Hub:
    """A plane, and the pods that are joined to it; `near` puts our own network on it as well."""

    def __init__(self, near: bool) -> None:
        self.lease = _low_block()
        network = f"10.{self.lease.block}"
        self.space = AddressSpace(network, f"{network}.0.2")
        self.plane, self.pods = Network(), dict[str, Network]()
        self.plane.ip("link", "add", "br0", "type", "bridge")
        self.plane.ip("address", "add", f"{self.space.shared_address}/16", "dev", "br0")
        self.plane.ip("link", "set", "br0", "up")
        self._device = f"testbed-{self.lease.block}" if near else ""
        if near:
            self._join(self._device, f"{network}.0.1", ip)
            eventually(self._reached, within_s=60)
            self.gateway = OURS
        else:
            self.gateway = self.pod("gateway", f"{network}.0.1").path

    def pod(self, name: str, address: str) -> Network:
        """The network of a pod; made when it is first asked for."""
        if name not in self.pods:
            pod = self.pods[name] = Network()
            self._join("eth0", address, pod.ip, "netns", pod.pid)
            eventually(lambda: pod.do(self._reached), within_s=60)
        return self.pods[name]

    def _join(self, device: str, address: str, run: Callable[..., None], *where: str) -> None:
        port = f"p{len(self.pods)}"
        ip("link", "add", device, *where, "type", "veth", "peer", "name", port, "netns", self.plane.pid)
        self.plane.ip("link", "set", port, "master", "br0", "up")
        run("address", "add", f"{address}/16", "dev", device)
        run("link", "set", device, "up")

    def _reached(self) -> bool:
        """Whether the plane answers, if only that nobody listens: a new port of a bridge takes a moment."""
        try:
            socket.create_connection((self.space.shared_address, 1), timeout=0.2).close()
        except OSError as problem:
            return isinstance(problem, ConnectionRefusedError)
        return True

    def close(self) -> None:
        if self._device:  # the kernel would remove it a while after the other end, and the next hub may have its name
            ip("link", "delete", self._device)
        for network in (*self.pods.values(), self.plane):
            network.close()
        self.lease.release()


def _low_block() -> Lease:
    """Lease a block whose number is nobody else's in 10/8 either; those from 128 on are for containers."""
    while (lease := lease_block()).block > 127:
        lease.release()
    return lease


@contextmanager
def hub(*, near: bool = True) -> Iterator[Hub]:
    made = Hub(near)
    try:
        yield made
    finally:
        made.close()


class Published:
    """Ports published on our loopback, each led to an address that is only there at a gateway's network."""

    def __init__(self, gateway: str, ways: Mapping[str, str]) -> None:
        self._ways = {socket.create_server(split(door), backlog=128): to for door, to in ways.items()}
        self._running = Queue[Callable[[], object]]()
        self._thread = threading.Thread(target=self._run, args=(gateway,))
        self._thread.start()
        self._end = self._running.get()

    def close(self) -> None:
        self._end()
        self._thread.join()

    def _run(self, gateway: str) -> None:
        if gateway != OURS:
            enter(gateway)
        asyncio.run(self._publish())

    async def _publish(self) -> None:
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        servers = [await asyncio.start_server(partial(_serve, to), sock=own) for own, to in self._ways.items()]
        self._running.put(lambda: loop.call_soon_threadsafe(over.set))
        await over.wait()
        for server in servers:
            server.close()


async def _serve(to: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        further, back = await asyncio.open_connection(*split(to))
    except OSError:
        return writer.close()
    await asyncio.gather(_pump(reader, back), _pump(further, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


def ready_at(process: Process) -> str:
    return process.ready.url.split("/")[2]


def split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)


class PodLease:
    """Implements `testbed.runtime.Lease`: a hub; its block of loopback addresses is where ports are published."""

    def __init__(self, near: bool) -> None:
        self.hub = Hub(near)
        self.space = self.hub.space

    def release(self) -> None:
        self.hub.close()


class _PodBackend(ProcessBackend):
    """Runs every process by a command that leads into its pod."""

    def __init__(self, directory: Path, lease: Lease, keep: bool, enter: Callable[[str], tuple[str, ...]]) -> None:
        super().__init__(directory, lease, keep)
        self._enter = enter

    def _argv(self, process: Process) -> list[str]:
        return [*self._enter(process.name), *super()._argv(process)]


class PodRuntime(ProcessRuntime):
    """The process runtime, with every replica in a pod and nothing of the mesh in our own network."""

    near = True

    def __init__(self, directory: Path, lease: PodLease, *, keep: bool = False) -> None:
        super().__init__(directory, lease.hub.lease, keep=keep)
        self.backend = _PodBackend(directory, lease.hub.lease, keep, self.inside)
        self._hub, self._at = lease.hub, dict[str, str]()
        self._published: Published | None = None

    @classmethod
    def lease(cls) -> PodLease:  # type: ignore[override]
        return PodLease(cls.near)

    def reach(self, address: str) -> str:
        """The same address on our loopback; that of the plan is out of our reach."""
        assert address in self._doors, f"{address} is not published"
        return address.replace(self._hub.space.network, self._hub.lease.network, 1)

    def inside(self, name: str) -> tuple[str, ...]:
        if self._process(name).role in ("links", "inlet"):
            return self._hub.plane.enter
        return self._hub.pod(name.rpartition("/")[0], self._at[name]).enter

    def start(self, processes: Sequence[Process], files: Sequence[File]) -> None:
        self._at = {one.name: split(one.listens[0])[0] for one in processes}
        self._doors = {door for one in processes for door in (*one.reached, ready_at(one))}
        self._published = Published(self._hub.gateway, {self.reach(door): door for door in self._doors})
        try:
            super().start([self._from_outside(one) for one in processes], files)
        except BaseException:
            self.stop()
            raise

    def _from_outside(self, process: Process) -> Process:
        at = ready_at(process)
        return replace(process, ready=Ready(process.ready.url.replace(at, self.reach(at))), listens=())

    def stop(self) -> None:
        super().stop()
        if self._published is not None:
            self._published.close()
            self._published = None


class FarPodRuntime(PodRuntime):
    """The same, but whoever publishes the ports is not in our own network."""

    near = False
