"""Old keys of a topology are read as the new ones, with a warning where they stand; both together are an error."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest

from testbed.errors import TopologyError
from testbed.spec.load import load_topology, recorded_topology
from testbed.spec.old_keys import SERVICE, TOPOLOGY
from testbed.spec.schema import schema
from testbed.spec.services import Service
from testbed.spec.topology import Topology

WEB = "name: shop\nentry: web\nservices:\n  web:\n    language: go\n"  # 5 lines
OF_THE_FILE = [("forward", "[x-a]", "forwardHeaders", ["x-a"]), ("context", "[x-b]", "contextHeaders", ["x-b"])]
OF_A_SERVICE = [
    ("forward", "[x-a]", "forwardHeaders", ["x-a"]),
    ("reset", "/forget", "resetPath", "/forget"),
    ("grace", "2s", "terminationGracePeriod", 2000.0),
    ("onHangUp", "continue", "onClientDisconnect", "continue"),
    ("onHangUp", "stop", "onClientDisconnect", "cancel"),
    ("on_hang_up", "stop", "onClientDisconnect", "cancel"),
    ("wiring", "listener", "outbound", "listener"),
    ("wiring", "proxy", "outbound", "httpProxy"),
]


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "shop.yaml"
    path.write_text(text)
    return path


def dumped(topology: Topology) -> dict[str, Any]:
    data: dict[str, Any] = topology.model_dump(mode="json", by_alias=True)
    return data


def of_web(topology: Topology) -> Any:
    return dumped(topology)["services"]["web"]


def test_every_old_key_is_tried_here() -> None:
    assert {old: new for old, _, new, _ in OF_THE_FILE} == TOPOLOGY
    assert {old: new for old, _, new, _ in OF_A_SERVICE} == SERVICE


@pytest.mark.parametrize(("old", "value", "new", "read"), OF_THE_FILE)
def test_an_old_key_of_the_file(tmp_path: Path, old: str, value: str, new: str, read: object) -> None:
    path = written(tmp_path, f"{WEB}{old}: {value}\n")
    with pytest.warns(DeprecationWarning, match=f"`{old}` is now `{new}`; the old name goes in 0.2") as told:
        made = load_topology(path)
    assert dumped(made)[new] == read
    (one,) = told
    assert str(one.message).startswith(f"shop.yaml:6: `{old}`")
    assert (one.filename, one.lineno) == (str(path), 6)


@pytest.mark.parametrize(("old", "value", "new", "read"), OF_A_SERVICE)
def test_an_old_key_of_a_service(tmp_path: Path, old: str, value: str, new: str, read: object) -> None:
    path = written(tmp_path, f"{WEB}    {old}: {value}\n")
    with pytest.warns(DeprecationWarning, match=f"shop.yaml:6: services.web: `{old}.*` is now `{new}") as told:
        made = load_topology(path)
    assert of_web(made)[new] == read
    assert len(told) == 1


def test_a_value_that_is_another_word_now_is_told_with_the_key(tmp_path: Path) -> None:
    with pytest.warns(DeprecationWarning, match="`wiring: proxy` is now `outbound: httpProxy`;"):
        load_topology(written(tmp_path, f"{WEB}    wiring: proxy\n"))


def test_it_is_shown_to_who_has_set_no_filter(tmp_path: Path) -> None:
    """By default Python shows deprecations only where `__main__` has them."""
    with warnings.catch_warnings(record=True) as told:
        warnings.resetwarnings()
        warnings.filterwarnings("default", category=DeprecationWarning, module="__main__")
        warnings.filterwarnings("ignore", category=DeprecationWarning, append=True)
        load_topology(written(tmp_path, f"{WEB}    grace: 2s\n"))
    assert len(told) == 1


@pytest.mark.filterwarnings("ignore:.*the old name goes:DeprecationWarning")
@pytest.mark.parametrize(
    ("more", "place"),
    [
        ("    grace: 1s\n    terminationGracePeriod: 2s\n", "6: services.web.grace: is the old name of terminationGr"),
        ("    resetPath: /a\n    reset: /b\n", "7: services.web.reset: is the old name of resetPath"),
        ("forwardHeaders: []\nforward: []\n", "7: forward: is the old name of forwardHeaders"),
    ],
)
def test_both_at_once_are_an_error(tmp_path: Path, more: str, place: str) -> None:
    path = written(tmp_path, WEB + more)
    with pytest.raises(TopologyError, match="which is written as well: leave it out") as raised:
        load_topology(path)
    assert str(raised.value).startswith(f"{path}:{place}")
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.filterwarnings("ignore:.*the old name goes:DeprecationWarning")
def test_what_is_wrong_below_an_old_key_has_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, f"{WEB}    forward:\n      - x-a\n      - connection\n")
    with pytest.raises(TopologyError, match=r":8: services\.web\.forwardHeaders\[1\]: 'connection' cannot be"):
        load_topology(path)


def test_in_python_the_warning_is_at_the_line_that_has_it() -> None:
    with pytest.warns(DeprecationWarning, match="`reset` is now `resetPath`; the old name goes in 0.2") as told:
        service = Service(language="go", reset="/forget")  # type: ignore[call-arg]
    assert service == Service(language="go", reset_path="/forget")
    assert [one.filename for one in told] == [__file__]
    with pytest.raises(TopologyError, match="Service: reset: is the old name of resetPath"):
        Service(language="go", reset="/a", resetPath="/b")  # type: ignore[call-arg]


def test_in_python_the_names_of_the_fields_are_no_old_keys() -> None:
    service = Service(language="go", termination_grace_period="2s", outbound="httpProxy")  # type: ignore[arg-type]
    assert service.outbound == "httpProxy"


def test_a_record_of_before_is_read_without_a_word() -> None:
    web = {"language": "go", "grace": 2000.0, "onHangUp": "stop", "reset": None}
    made = recorded_topology({"name": "shop", "entry": "web", "services": {"web": web}, "context": ["x-b"]})
    assert dumped(made)["contextHeaders"] == ["x-b"]
    assert of_web(made)["onClientDisconnect"] == "cancel"


def test_the_schema_offers_new_keys_alone() -> None:
    offered = schema()
    assert not {*TOPOLOGY} & {*offered["properties"]}
    assert not {*SERVICE} & {*offered["$defs"]["Service"]["properties"]}
    assert "httpProxy" in json.dumps(offered["$defs"]["Service"]["properties"]["outbound"])


def test_data_that_is_no_topology_is_refused_as_ever(tmp_path: Path) -> None:
    with pytest.raises(TopologyError, match="services.web: must be a mapping, is 5"):
        load_topology(written(tmp_path, "name: shop\nentry: web\nservices: {web: 5}\n"))
    with pytest.raises(TopologyError, match="not a topology"):
        load_topology(written(tmp_path, "- 5\n"))
