"""Without any of the optional tools, whoever runs them, tests are green or say what they need."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from nobody import CHECKOUT, NOBODY, PYTEST, nobody

AFFECTED = ("e2e/stores", "e2e/packets", "docker", "plugin/test_plugin_packets.py", "e2e/own/test_own_bad_input.py")

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.mark.parametrize("user", [0, NOBODY], ids=["root", "nobody"])
def test_without_tools_nothing_fails(tmp_path: Path, user: int) -> None:
    (tmp_path / "home").mkdir()
    files = [str(CHECKOUT / "tests" / name) for name in AFFECTED]
    with nobody(tmp_path / "home", user=user, bare=True, within_s=280) as run:
        code, said = run(*PYTEST, f"--rootdir={CHECKOUT}", *files)
    assert code == 0, said
    skipped = [line for line in said.splitlines() if line.startswith("SKIPPED")]
    assert [line for line in skipped if not re.search(r"needs .+ \(.+\): |only root", line)] == []
    for tool in ("nft", "redis-server", "postgresql", "etcd", "the base image of containers"):
        assert any(f"needs {tool} (" in line for line in skipped), said


def test_a_bare_machine_lacks_all_of_the_list(tmp_path: Path) -> None:
    with nobody(tmp_path, bare=True) as run:
        code, said = run(
            "-c", "from testbed.runtime import tools; print(tools.missing().keys() ^ tools.extras().keys())"
        )
    assert (code, said) == (0, "set()\n")
