"""A checkout, a wheel, an sdist and git have the same in them: all that Testbed needs, and its licence."""

from __future__ import annotations

import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.kit.elsewhere import ROOT, Sources, make_sources, ran

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
WITHOUT_NETWORK = ("--no-deps", "--no-build-isolation", "--disable-pip-version-check", "-q")


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    return make_sources(tmp_path_factory.mktemp("sources"))


def in_wheel(path: Path) -> set[str]:
    with zipfile.ZipFile(path) as wheel:
        return set(wheel.namelist())


def test_the_wheel_has_all_that_is_in_the_packages_and_the_licence(sources: Sources) -> None:
    testbed = ran("git", "ls-files", "testbed", ":!testbed/faults", cwd=sources.checkout).split()
    faults = ran("git", "ls-files", "faults", cwd=sources.checkout).split()
    listed = {*testbed, *(f"testbed/{name}" for name in faults)}
    rest = in_wheel(sources.wheel) - listed
    assert {"testbed/native/go/go.mod", "testbed/native/go/go.sum"} <= in_wheel(sources.wheel)
    assert listed <= in_wheel(sources.wheel)
    assert {Path(name).parts[0] for name in rest} == {"pytest_testbed-0.1.0.dist-info"}
    assert "pytest_testbed-0.1.0.dist-info/licenses/LICENSE" in rest


def test_the_sdist_has_all_that_is_in_the_checkout(sources: Sources) -> None:
    listed = ran("git", "ls-files", ":!testbed/faults", cwd=sources.checkout).split()
    with tarfile.open(sources.sdist) as archive:
        assert {f"pytest_testbed-0.1.0/{name}" for name in (*listed, "PKG-INFO")} == set(archive.getnames())


def test_a_wheel_from_the_sdist_is_that_from_the_checkout(sources: Sources, tmp_path: Path) -> None:
    ran(sys.executable, "-m", "pip", "wheel", *WITHOUT_NETWORK, "-w", tmp_path, sources.sdist, cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    assert in_wheel(wheel) == in_wheel(sources.wheel)


@pytest.mark.parametrize("source", ["checkout", "git"])
def test_what_is_installed_from_elsewhere_is_what_is_in_the_wheel(
    sources: Sources, tmp_path: Path, source: str
) -> None:
    target = ("--target", tmp_path, "--no-compile")
    ran(sys.executable, "-m", "pip", "install", *WITHOUT_NETWORK, *target, *sources.words(source), cwd=tmp_path)
    installed = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    notes = {f"pytest_testbed-0.1.0.dist-info/{name}" for name in ("INSTALLER", "REQUESTED", "direct_url.json")}
    assert installed - notes - {"bin/testbed"} == in_wheel(sources.wheel) - notes


def test_the_licence_is_apaches(sources: Sources) -> None:
    text = (ROOT / "LICENSE").read_text()
    assert text.split()[:6] == ["Apache", "License", "Version", "2.0,", "January", "2004"]
    assert "END OF TERMS AND CONDITIONS" in text
