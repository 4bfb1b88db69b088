"""Without any of the optional tools, whoever runs them, tests are green or say what they need."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from testbed.runtime.tools.inventory import extras
from tests.kit.nobody import CHECKOUT, NOBODY, PYTEST, nobody

AFFECTED = (
    "e2e/stores",
    "e2e/injection/packets",
    "docker",
    "plugin/test_plugin_packets.py",
    "e2e/custom/test_bad_input.py",
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def skips(folder: Path, user: int, hide: list[str], *files: str) -> list[str]:
    """The reasons of all skips in these files of tests, of which none may fail."""
    with nobody(folder, user=user, hide=hide, within_s=280) as run:
        paths = [str(CHECKOUT / "tests" / name) for name in files]
        code, said = run(*PYTEST, f"--rootdir={CHECKOUT}", *paths)
    assert code == 0, said
    return re.findall(r"^SKIPPED \[\d+\] \S+ (.*)$", said, re.MULTILINE)


@pytest.mark.parametrize("user", [0, NOBODY], ids=["root", "nobody"])
def test_without_tools_nothing_fails(tmp_path: Path, user: int) -> None:
    said = skips(tmp_path, user, [*extras()], *AFFECTED)
    assert [reason for reason in said if not re.search(r"^needs .+ \(.+\): |^only root", reason)] == []
    for tool in ("nft", "redis-server", "postgresql", "etcd", "the base image of containers"):
        assert any(reason.startswith(f"needs {tool} (") for reason in said), said


def test_without_nft_alone_nothing_fails(tmp_path: Path) -> None:
    said = skips(tmp_path, 0, ["nft"], "plugin/test_plugin_packets.py")
    assert any(reason.startswith("needs nft (") for reason in said)


def test_a_bare_machine_lacks_all_of_the_list(tmp_path: Path) -> None:
    with nobody(tmp_path, hide=extras()) as run:
        code, said = run(
            "-c", "from testbed.runtime.tools.inventory import extras, missing; print(extras().keys() - missing())"
        )
    assert (code, said) == (0, "set()\n")
