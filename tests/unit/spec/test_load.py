"""A topology file is found in the first folder that has it, and read; what a history recorded is read again."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.errors import TopologyError
from testbed.spec.load import find_topology, load_topology, recorded_topology
from tests.kit.policies import shop

TEXT = "name: t\nentry: web\nservices:\n  web: {language: go}\n"


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("near", "far"):
        (tmp_path / name).mkdir()
    return tmp_path / "near", tmp_path / "far"


def test_the_first_folder_with_the_file_is_used(folders: tuple[Path, Path]) -> None:
    near, far = folders
    (far / "shop.yaml").write_text(TEXT)
    assert find_topology("shop.yaml", near, far) == far / "shop.yaml"
    (near / "shop.yaml").write_text(TEXT)
    assert find_topology("shop.yaml", near, far) == near / "shop.yaml"


def test_a_missing_topology_is_an_error_with_the_nearest_name(folders: tuple[Path, Path]) -> None:
    near, far = folders
    (far / "shop.yaml").write_text(TEXT)
    with pytest.raises(TopologyError) as caught:
        find_topology("shpo.yaml", near, far)
    looked = f"{near}/shpo.yaml or {far}/shpo.yaml"
    assert str(caught.value) == (
        f"topology file 'shpo.yaml' not found: looked for {looked} (did you mean 'shop.yaml'?)"
    )


def test_a_topology_from_a_file_has_the_folder_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(TEXT)
    made = load_topology(file)
    assert made.folder == tmp_path
    assert made.located(("services", "web"), "no") == f"{file}:4: services.web: no"
    assert str(made.error(("entry",), "no")) == f"{file}:2: entry: no"


def test_a_recorded_topology_is_read_again() -> None:
    made = shop(timeout="1s")
    assert recorded_topology(made.model_dump(mode="json", by_alias=True)) == made
    with pytest.raises(TopologyError, match="entry: is missing; services: is missing"):
        recorded_topology({"name": "t"})
