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


def test_the_schema_knows_the_names_of_the_registry_and_no_others() -> None:
    assert schema()["properties"]["mesh"]["enum"] == list(MESHES)


@pytest.mark.parametrize("name", MESHES)
def test_each_is_a_folder_whose_mesh_has_this_name_and_these_capabilities(name: str) -> None:
    assert find_spec(f"testbed.mesh.{name}")
    assert Topology.model_validate({**SHOP, "mesh": name}).mesh == name
    assert (mesh_named(name).name, mesh_named(name).capabilities) == (name, MESHES[name])


def test_one_that_is_not_there_is_refused_with_the_nearest() -> None:
    with pytest.raises(TopologyError, match="there is no mesh 'envoi' .did you mean 'envoy'"):
        mesh_named("envoi")
    with pytest.raises(TopologyError, match="envoy"):
        Topology.model_validate({**SHOP}).with_overrides(mesh="envoi")


def test_evidence_is_named_by_its_source() -> None:
    told = Capabilities(
        is_proxy=True, enforces_policies=True, makes_http2=True, records_attempts=False, records_calls=True
    )
    assert told.sources == ("calls",)
    assert capabilities("none").sources == ("attempts", "calls")


def test_a_record_of_a_mesh_that_is_gone_is_that_of_a_proxy() -> None:
    assert capabilities("nginx") == replace(MESHES[DEFAULT], lints=())
