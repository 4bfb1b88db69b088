"""Starts stubs and upstreams for the conformance suite, which every language must pass alike."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.kit.stubs.conforming import LANGUAGES, stub_command
from tests.kit.stubs.process import Stub, wired
from tests.kit.stubs.scripted_upstream import Upstream

Start = Callable[..., Stub]


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def launch(language: str, tmp_path: Path) -> Iterator[Start]:
    """Start a stub without waiting for it; the texts on its stderr are the test's business."""
    stubs: list[Stub] = []

    def start(told: Any, upstreams: Mapping[str, Upstream | list[Upstream]] | None = None, **env: str) -> Stub:
        text = told if isinstance(told, str) else json.dumps(told)
        stubs.append(Stub(stub_command(language, text), text, tmp_path, wired(upstreams or {}) | env))
        return stubs[-1]

    yield start
    for stub in stubs:
        stub.kill()


@pytest.fixture
def start(launch: Start) -> Iterator[Start]:
    """Start a stub and wait until it serves; it must have nothing to complain about until the end of the test."""
    stubs: list[Stub] = []

    def started(*args: Any, **env: str) -> Stub:
        stub = launch(*args, **env)
        wait(stub, args[0])
        stubs.append(stub)
        return stub

    yield started
    assert [stub.errors() for stub in stubs] == [""] * len(stubs)
    assert all(stub.process.poll() in (None, 0) for stub in stubs)


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start a stub that runs until the end of the session, once for each language and behaviour."""
    stubs: dict[tuple[str, str], Stub] = {}

    with ExitStack() as ends:

        def started(language: str, told: Any) -> Stub:
            text = json.dumps(told)
            if (language, text) not in stubs:
                stub = stubs[language, text] = Stub(
                    stub_command(language, text), text, tmp_path_factory.mktemp("stub"), {}
                )
                ends.callback(stub.kill)
                wait(stub, told)
            return stubs[language, text]

        yield started


@pytest.fixture
def share(language: str, running: Start) -> Iterator[Start]:
    """Return a running stub that calls nothing; the test must leave it as it was."""
    stubs: list[Stub] = []

    def shared(told: Any) -> Stub:
        stubs.append(running(language, told))
        return stubs[-1]

    yield shared
    assert [stub.errors() for stub in stubs] == [""] * len(stubs)
    assert all(stub.process.poll() is None for stub in stubs)


def wait(stub: Stub, told: Any) -> None:
    """Wait until it serves."""
    if isinstance(told, dict) and told["protocol"] == "grpc":
        stub.wait_listening()
    else:
        stub.wait_ready()


@pytest.fixture
def upstream() -> Iterator[Callable[[], Upstream]]:
    """Start upstreams, one for each call."""
    servers: list[Upstream] = []

    def made() -> Upstream:
        servers.append(Upstream())
        return servers[-1]

    yield made
    for server in servers:
        server.stop()
