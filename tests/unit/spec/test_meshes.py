"""The one registry of meshes: what is in it can be written in a topology, and each has its folder."""

from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import pytest

from testbed.errors import TopologyError
from testbed.mesh import mesh_named
from testbed.spec.meshes import DEFAULT, MESHES, Capabilities, capabilities
from testbed.spec.schema import schema
from testbed.spec.topology import Topology

SHOP: dict[str, Any] = {"name": "t", "entry": "a", "services": {"a": {"language": "go"}}}


def test_the_schema_lists_exactly_the_registered_meshes() -> None:
    assert schema()["properties"]["mesh"]["enum"] == list(MESHES)


@pytest.mark.parametrize("name", MESHES)
def test_each_mesh_has_a_folder_with_the_same_name_and_capabilities(name: str) -> None:
    assert find_spec(f"testbed.mesh.{name}")
    assert Topology.model_validate({**SHOP, "mesh": name}).mesh == name
    assert (mesh_named(name).name, mesh_named(name).capabilities) == (name, MESHES[name])


def test_an_unknown_mesh_is_an_error_with_the_nearest_name() -> None:
    with pytest.raises(TopologyError, match="there is no mesh 'envoi' .did you mean 'envoy'"):
        mesh_named("envoi")
    with pytest.raises(TopologyError, match="envoy"):
        Topology.model_validate({**SHOP}).with_overrides(mesh="envoi")


def test_sources_name_the_recorded_evidence() -> None:
    told = Capabilities(
        is_proxy=True, enforces_policies=True, makes_http2=True, records_attempts=False, records_calls=True
    )
    assert told.sources == ("calls",)
    assert capabilities("none").sources == ("attempts", "calls")


def test_an_unknown_mesh_of_an_old_history_counts_as_a_proxy() -> None:
    assert capabilities("nginx") == replace(MESHES[DEFAULT], lints=())
