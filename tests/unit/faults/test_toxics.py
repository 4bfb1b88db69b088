import pytest

from testbed.errors import FaultError
from testbed.faults.operations import Toxic
from testbed.faults.toxics import KINDS, checked


def toxic(kind: str, **attributes: object) -> Toxic:
    return Toxic("a-1--b-1", kind, "downstream", attributes)  # type: ignore[arg-type]


def test_defaults_are_written_out() -> None:
    assert checked(toxic("latency", latency=100)) == {"latency": 100, "jitter": 0}
    assert checked(toxic("slicer", average_size=10)) == {"average_size": 10, "size_variation": 0, "delay": 0}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_has_a_valid_least_and_greatest_value(kind: str) -> None:
    for edge in ("low", "high"):
        values = {name: getattr(allowed, edge) for name, allowed in KINDS[kind].items()}
        if kind == "slicer":
            values["size_variation"] = values["average_size"] - 1
        assert checked(toxic(kind, **values)) == values


@pytest.mark.parametrize(
    ("kind", "attributes", "says"),
    [
        ("latancy", {"latency": 1}, "did you mean 'latency'"),
        ("latency", {"latancy": 1}, "did you mean 'latency'"),
        ("latency", {}, "needs latency"),
        ("latency", {"latency": 1.5}, "whole number from 0 to 3600000, not 1.5"),
        ("latency", {"latency": True}, "not True"),
        ("latency", {"latency": "100"}, "not '100'"),
        ("latency", {"latency": -1}, "not -1"),
        ("latency", {"latency": 10, "jitter": 11}, "jitter must not be above latency"),
        ("latency", {"latency": 10, "jitter": 2**62}, "whole number"),
        ("bandwidth", {"rate": -1}, "not -1"),
        ("bandwidth", {"rate": 0}, "from 1 to"),
        ("slicer", {"average_size": 0}, "from 1 to"),
        ("slicer", {"average_size": 5, "size_variation": 5}, "size_variation must be below"),
        ("reset_peer", {"timeout": 8000}, "from 0 to 1000"),
        ("noop", {}, "no toxic 'noop'"),
    ],
)
def test_what_would_kill_or_deceive_the_server_is_refused(kind: str, attributes: dict[str, object], says: str) -> None:
    with pytest.raises(FaultError, match=says):
        checked(toxic(kind, **attributes))


def test_the_stream_is_checked() -> None:
    with pytest.raises(FaultError, match="did you mean 'downstream'"):
        checked(Toxic("l", "latency", "downstraem", {"latency": 1}))  # type: ignore[arg-type]
