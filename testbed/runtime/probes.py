"""Ways to see that a process is ready, besides HTTP and TCP: a line of its log, a command, gRPC's health service."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from testbed.plan.values import Ready
from testbed.runtime.tools import commands

COMMAND_S = 5.0  # for a readiness command, and
ANSWER_S = 1.0  # for an answer to a health check, to come
SERVING = b"\x08\x01"  # HealthCheckResponse{status: SERVING}
HEALTH = "/grpc.health.v1.Health/Check"

Ask = Callable[[], str]
"""Looks once, and returns why the process is not ready, "" if it is."""
Enter = Callable[[], Sequence[str]]
"""Returns the words that, put before a command, run it in a process's own network."""


def probe(ready: Ready, log: Path, env: Mapping[str, str], cwd: str, enter: Enter | None = None) -> str | Ask:
    """Return how to look: a URL that is asked over sockets, or a function. Only what is logged from now on counts.

    `enter` leads into the network of a process that has one of its own. It is reached from ours a moment after it
    listens, so that is looked at as well.
    """
    scheme, _, address = ready.url.partition("://")
    if ready.log or ready.command:
        ask = line_in(lambda: _lines(log), ready.log) if ready.log else _command(ready.command, env, cwd, enter)
        return _reached(ask, address.partition("/")[0]) if enter else ask
    return health(address) if scheme == "grpc" else ready.url


def _reached(ask: Ask, address: str) -> Ask:
    ip, _, port = address.rpartition(":")

    def both() -> str:
        if reason := ask():
            return reason
        try:
            socket.create_connection((ip, int(port)), ANSWER_S).close()
        except OSError as error:
            return (error.strerror or str(error)).lower()
        return ""

    return both


def line_in(lines: Callable[[], list[str]], pattern: str) -> Ask:
    """Look for a line of a log, among those that are not there yet."""
    begin, wanted = len(lines()), re.compile(pattern)

    def ask() -> str:
        new = lines()[begin:]
        return "" if any(map(wanted.search, new)) else f"no such line among {len(new)}"

    return ask


def _lines(log: Path) -> list[str]:
    return log.read_text(errors="replace").splitlines() if log.exists() else []


def _command(words: Sequence[str], env: Mapping[str, str], cwd: str, enter: Enter | None) -> Ask:
    command = [commands.program(words[0], Path(cwd)), *words[1:]]

    def ask() -> str:
        argv = [*(enter() if enter else ()), *command]
        try:
            done = subprocess.run(
                argv, env=env, cwd=cwd, timeout=COMMAND_S, capture_output=True, text=True, errors="replace"
            )
        except subprocess.TimeoutExpired:
            return f"does not end within {COMMAND_S:g} s"
        return said_by(done.returncode, done.stderr or done.stdout)

    return ask


def said_by(code: int, output: str) -> str:
    """Say what a readiness command means by its exit code and its last line."""
    said = output.strip().splitlines()
    return "" if code == 0 else f"exit code {code}{f': {said[-1]}' if said else ''}"


def health(address: str) -> Ask:
    """Ask for the health of the whole server; the two messages are so small that no generated code is needed."""
    import grpc

    def ask() -> str:
        with grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
            check = channel.unary_unary(HEALTH, request_serializer=bytes, response_deserializer=bytes)
            try:
                said = check(b"", timeout=ANSWER_S)
            except grpc.RpcError as error:
                return f"{error.code().name}: {error.details()}"
        return "" if said.startswith(SERVING) else "says that it does not serve"

    return ask
