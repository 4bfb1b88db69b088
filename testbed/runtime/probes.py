"""Readiness checks besides HTTP and TCP: a log line, a command, the gRPC health service."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from testbed.plan.values import Ready
from testbed.runtime.tools import commands

COMMAND_S = 5.0  # time limit of a readiness command
ANSWER_S = 1.0  # time limit of a health check
SERVING = b"\x08\x01"  # HealthCheckResponse{status: SERVING}
HEALTH = "/grpc.health.v1.Health/Check"

Ask = Callable[[], str]
"""Checks once, and returns why the process is not ready, "" if it is ready."""
Enter = Callable[[], Sequence[str]]
"""Returns the words to put before a command so that it runs in the network of a process."""


def probe(ready: Ready, log: Path, env: Mapping[str, str], cwd: str, enter: Enter | None = None) -> str | Ask:
    """Return the readiness check: a URL to request, or a function. Only new log lines count.

    `enter` is for a process in its own network namespace. Such a process is reachable from outside a moment after it
    listens, so the check includes that.
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
    """Return a check for a new log line that matches a pattern."""
    begin, wanted = len(lines()), re.compile(pattern)

    def ask() -> str:
        new = lines()[begin:]
        return "" if any(map(wanted.search, new)) else f"no matching line in {len(new)} log lines"

    return ask


def lines_of(text: str) -> list[str]:
    """Return the lines of a log; an app may write other separators, such as U+2028, inside one."""
    return text.removesuffix("\n").split("\n") if text else []


def _lines(log: Path) -> list[str]:
    return lines_of(log.read_text(errors="replace")) if log.exists() else []


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
    """Describe the failure of a readiness command, "" if it succeeded."""
    said = output.strip().splitlines()
    return "" if code == 0 else f"exit code {code}{f': {said[-1]}' if said else ''}"


def health(address: str) -> Ask:
    """Return a check with the gRPC health service. Its messages are small, so no generated code is needed."""
    import grpc

    def ask() -> str:
        with grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
            check = channel.unary_unary(HEALTH, request_serializer=bytes, response_deserializer=bytes)
            try:
                said = check(b"", timeout=ANSWER_S)
            except grpc.RpcError as error:
                return f"{error.code().name}: {error.details()}"
        return "" if said.startswith(SERVING) else "does not answer SERVING to a health check"

    return ask
