"""A running stub, and how tests talk to it."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testbed.native import packages_path, stub_path
from testbed.runtime.tools.binaries import find
from tests.kit.stubs.scripted_upstream import Upstream, own_address

START_S = ANSWER_S = 60


@dataclass(frozen=True)
class Answer:
    """One answer, whole."""

    status: int
    headers: Mapping[str, str]  # names in lower case
    text: bytes
    ms: float

    @property
    def body(self) -> Any:
        return json.loads(self.text)


def command(language: str, node: str | None = None, *, packages: bool = False) -> list[str]:
    """How the runtime starts a stub, in Python with or without installed packages."""
    if language == "go":
        return [str(find("stub-go"))]
    if language == "node":
        return [node or str(find("node")), str(stub_path("node") / "main.mjs")]
    return [
        sys.executable,
        "-I",
        "-S",
        str(stub_path("python") / "main.py"),
        *([str(packages_path())] if packages else []),
    ]


def free_port(address: str) -> int:
    with socket.create_server((address, 0)) as sock:
        return int(sock.getsockname()[1])


def wired(upstreams: Mapping[str, Upstream | list[Upstream]]) -> dict[str, str]:
    """The variables that lead to upstreams: one URL, or several to balance over."""
    env = {}
    for name, there in upstreams.items():
        variable = name.upper().replace("-", "_")
        if isinstance(there, list):
            env[f"{variable}_URLS"] = ",".join(one.url for one in there)
        else:
            env[f"{variable}_URL"], env[f"{variable}_ADDR"] = there.url, there.host
    return env


class Stub:
    """One process. Its environment is what it is given and nothing else."""

    def __init__(self, words: list[str], told: str, folder: Path, env: Mapping[str, str]) -> None:
        self.address = own_address()
        self.port = free_port(self.address)
        self._errors = folder / f"stderr-{self.address}"
        who = {"ADDR": self.address, "PORT": str(self.port), "SERVICE": "shop", "REPLICA": "shop-1", "SEED": "7"}
        self.began = time.monotonic()
        with self._errors.open("wb") as errors:
            self.process = subprocess.Popen(
                words, env={**who, "BEHAVIOUR": told, **env}, stderr=errors, stdin=subprocess.DEVNULL
            )

    def wait_ready(self) -> float:
        """Wait for the first 200 of /healthz; return the seconds since the start."""
        while time.monotonic() < self.began + START_S:
            assert self.process.poll() is None, self.errors()
            try:
                assert self.get("/healthz").text == b"ok"
                return time.monotonic() - self.began
            except ConnectionRefusedError:
                time.sleep(0.001)
        raise AssertionError(f"not ready within {START_S} s")

    def wait_listening(self) -> None:
        """Wait until it takes connections: a Python stub in gRPC mode answers no HTTP/1.1."""
        while time.monotonic() < self.began + START_S:
            assert self.process.poll() is None, self.errors()
            try:
                self.raw().close()
                return
            except ConnectionRefusedError:
                time.sleep(0.005)
        raise AssertionError(f"not listening within {START_S} s")

    def errors(self) -> str:
        return self._errors.read_text()

    def get(self, path: str = "/", *, method: str = "GET", tag: str = "", **headers: str) -> Answer:
        """Send one request on a connection of its own; `tag` is the load's request id."""
        connection = self.connect()
        try:
            return ask(connection, path, method=method, tag=tag, **headers)
        finally:
            connection.close()

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.address, self.port, timeout=ANSWER_S)

    def raw(self) -> socket.socket:
        return socket.create_connection((self.address, self.port), timeout=ANSWER_S)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def ask(
    connection: http.client.HTTPConnection, path: str = "/", *, method: str = "GET", tag: str = "", **headers: str
) -> Answer:
    """Send one request; underscores in header names stand for hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if tag:
        named["baggage"] = f"tb.id={tag},tb.user=u1"
    begin = time.monotonic()
    connection.request(method, path, headers=named)
    response = connection.getresponse()
    text = response.read()
    ms = (time.monotonic() - begin) * 1000
    return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, text, ms)
