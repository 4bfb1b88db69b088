"""What a test hands over is refused by one error that names it, or it fits: for every fault, check, probe and load."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from http import HTTPStatus
from typing import Any, Literal

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.arguments import _hints, checked, refuse_misfits, shown
from testbed.checks import CHECKS, Check
from testbed.errors import CheckError, FaultError, LoadError, TestbedError
from testbed.evidence.probing import probes
from testbed.experiment.testbed import Testbed
from testbed.experiment.traffic import Traffic
from testbed.faults import FAULTS, Fault, kill, outage
from testbed.load.workload import Workload, constant_rate, get, post, unary
from tests.kit.examples import examples


class Wrong(Exception):
    """The error of these tests."""


class Unprintable:
    def __repr__(self) -> str:
        raise RuntimeError("no text")


@dataclass(frozen=True)
class Value:
    number: float = 1
    whole: int = 1
    text: str = ""
    several: tuple[str, ...] = ()
    one_of: Literal["a", "b"] = "a"
    maybe: bool | None = None
    function: Callable[[int], int] | None = None
    mapping: Mapping[str, float] | None = None
    words: Sequence[str] = ()
    wait_s: float = 0
    kb_per_s: int = 1

    def __post_init__(self) -> None:
        refuse_misfits(self, Wrong)


@pytest.mark.parametrize(
    "fits",
    [
        {"number": 2.5, "whole": HTTPStatus.OK, "text": "å", "several": ("a",), "maybe": True},
        {"number": numpy.float64(1.5), "function": abs, "mapping": {"a": 1}, "words": ["a"], "kb_per_s": 10**8},
    ],
)
def test_what_fits_is_taken(fits: dict[str, Any]) -> None:
    Value(**fits)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("number", True, "number must be a number, not True"),
        ("number", math.nan, "number must be a number, not nan"),
        ("number", math.inf, "number must be a number, not inf"),
        ("number", 10**400, r"number must be a number, not 10+ \.\.\."),
        ("number", numpy.int64(1), "number must be a number, not np.int64"),
        ("number", None, "number must be a number, not None"),
        ("whole", 1.0, "whole must be a whole number, not 1.0"),
        ("text", b"a", "text must be text, not b'a'"),
        ("text", "\ud800", "text must be text, not"),
        ("several", "ab", "several must be a tuple of text, not 'ab'"),
        ("several", ("a", 1), "several must be a tuple of text"),
        ("one_of", 1, "one_of must be one of 'a', 'b', not 1"),
        ("maybe", 1, "maybe must be True or False or None, not 1"),
        ("function", "abs", "function must be a function or None, not 'abs'"),
        ("mapping", {"a": "b"}, "mapping must be a mapping of text and a number or None"),
        ("words", "ab", "words must be a sequence of text, not 'ab'"),
        ("wait_s", 10**8, "wait_s must be at most 10,000,000, not 100000000"),
    ],
)
def test_what_does_not_fit_is_named(name: str, value: object, said: str) -> None:
    with pytest.raises(Wrong, match=said):
        Value(**{name: value})


def test_words_of_the_class_come_first() -> None:
    def validate() -> None:
        raise Wrong("two replicas at most")

    value = object.__new__(Value)
    object.__setattr__(value, "number", "2")
    with pytest.raises(Wrong, match="two replicas"):
        refuse_misfits(value, Wrong, validate)
    with pytest.raises(Wrong, match="number must be a number, not '2'"):
        refuse_misfits(value, Wrong, lambda: 1 / 0)


def test_arguments_of_a_function_are_checked_and_a_wrong_call_is_pythons() -> None:
    @checked(Wrong)
    def call(a: int, *more: str, key: Unknown = None) -> object:  # type: ignore[name-defined] # noqa: F821
        return a, more, key

    assert call(1, "b", key=2) == (1, ("b",), 2)  # an annotation that only a type checker knows is any value
    with pytest.raises(Wrong, match=r"call\(\): more must be text, not 3"):
        call(1, "b", 3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="missing 1 required"):
        call()  # type: ignore[call-arg]


def test_a_long_value_is_cut_and_one_that_has_no_text_is_told_by_its_type() -> None:
    assert len(shown("x" * 1000)) == 120
    for value, said in ((10**5000, "a value of type int"), (Unprintable(), "a value of type Unprintable")):
        with pytest.raises(CheckError, match=f"^max_latency: under_ms must be a number or None, not {said}$"):
            CHECKS["max_latency"](under_ms=value)


# -- everything that users make

HOSTILE = st.sampled_from(
    [
        *(None, True, False, math.nan, math.inf, -math.inf, -1, 0, 10**400, -(10**400), 1e308, "", "\ud800"),
        *("\x00", "\u2028", b"", [], [1], {}, {"a": math.nan}, set(), (), (1, "a"), ("a",), object()),
        *(numpy.float64("nan"), numpy.int64(3), numpy.array([1, 2]), numpy.bool_(True), len, int, kill(), get("/")),
    ]
)
USUAL = st.sampled_from(
    [
        *(1, 2, 50, 99, 200, 503, 0.5, 0.1, "checkout -> pricing", "pricing", "a", "GET", "/", "status", "every"),
        *(kill(), outage("pricing"), (200, 503), ("POST",), ("a",), {"a": "b"}, lambda request: True, ["a"]),
    ]
)
ANY = USUAL | HOSTILE | st.text(max_size=4) | st.floats() | st.integers()
PROBES = {name: kind for name, kind in vars(probes).items() if isinstance(kind, type) and name.endswith("_probe")}
MAKERS: dict[str, tuple[Callable[..., Any], type[Exception]]] = {
    **{name: (kind, FaultError) for name, kind in FAULTS.items()},
    **{name: (kind, CheckError) for name, kind in CHECKS.items()},
    **{name: (kind, TestbedError) for name, kind in PROBES.items()},
    **{maker.__name__: (maker, LoadError) for maker in (get, post, unary)},
}


def drawn(data: st.DataObject, call: Callable[..., object]) -> tuple[list[object], dict[str, object]]:
    """Draw arguments for a call: every needed one, and some of the others."""
    args: list[object] = []
    kwargs: dict[str, object] = {}
    for name, one in inspect.signature(call).parameters.items():
        if name in ("target", "scoping", "waits_s", "phase", "who") and not inspect.ismethod(call):  # methods set them
            continue
        if one.kind is one.VAR_POSITIONAL:
            args += data.draw(st.lists(ANY, max_size=2))
        elif one.default is one.empty or data.draw(st.booleans()):
            value = data.draw(ANY)
            kwargs[name] = value
    return args, kwargs


def made(call: Callable[..., Any], error: type[Exception], data: st.DataObject) -> Any:
    """Make a value of anything; None if it is refused by an error of ours, with words that can be written."""
    args, kwargs = drawn(data, call)
    try:
        value = call(*args, **kwargs)
    except error as said:
        str(said).encode()
        return None
    return value


def sound(value: Any) -> None:
    """Whether a value has only what it can have."""
    str(value).encode()
    for one in fields(value):
        held = None if str(one.type) == "object" else getattr(value, one.name)
        if isinstance(held, bool):
            assert "bool" in str(one.type), one.name
        if isinstance(held, float | int):
            assert -(10**12) <= held <= 10**12, one.name


METHODS = ("on", "for_users", "for_cohort", "for_requests", "for_attempts", "after", "during", "where")


@pytest.mark.parametrize("name", MAKERS)
@given(data=st.data())
@examples(12, among=len(MAKERS))
def test_anything_makes_a_sound_value_or_one_error(name: str, data: st.DataObject) -> None:
    maker, error = MAKERS[name]
    value = made(maker, error, data)
    if value is not None:
        sound(value)


SAMPLES = [
    *((one, FaultError) for one in (kill(), FAULTS["delay"](ms=5), outage("pricing"))),  # type: ignore[call-arg]
    *((one, CheckError) for one in (CHECKS["statuses"](200), CHECKS["attempts"]("a -> b", at_most=1))),  # type: ignore[call-arg]
]


@pytest.mark.parametrize("method", METHODS)
@given(data=st.data())
@examples(25)
def test_anything_aims_or_narrows_or_is_refused(method: str, data: st.DataObject) -> None:
    value, error = data.draw(st.sampled_from(SAMPLES))
    if hasattr(value, method):
        narrowed = made(getattr(value, method), error, data)
        if narrowed is not None:
            str(narrowed).encode()
            assert narrowed != value or method in ("during", "where"), "it was accepted, and nothing follows from it"


@given(data=st.data())
@examples(50)
def test_anything_makes_a_load_or_one_error(data: st.DataObject) -> None:
    names = st.sampled_from(["users", "cohorts", "cohort_rps", "user_headers", "timeout_s", "follow_redirects", "x"])
    rest = data.draw(st.dictionaries(names, ANY | st.dictionaries(ANY.filter(_hashable), ANY, max_size=2), max_size=3))
    try:
        load = constant_rate(data.draw(st.just(get("/")) | ANY), data.draw(ANY), **rest)  # type: ignore[arg-type]
    except LoadError as said:
        str(said).encode()
    else:
        assert isinstance(load, Workload)
        sound(load)
        if load.users <= 1000:
            load.population(1)


def _hashable(value: object) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


LOAD = constant_rate(get("/"), rps=1)
CALLS: list[tuple[Callable[..., object], tuple[object, ...], dict[str, object], str]] = [
    (Testbed.experiment, ("delay",), {}, "faults must be a Fault, not 'delay'"),
    (Testbed.experiment, (), {"load": get("/")}, "load must be a Workload or None"),
    *((Testbed.experiment, (), {f"{name}_s": "1"}, name) for name in ("hold", "warmup", "baseline", "recover")),
    *((Testbed.experiment, (), {"load": LOAD, f"{name}_s": -1}, name) for name in ("hold", "warmup", "baseline")),
    (Testbed.experiment, (), {"load": LOAD, "recover_s": 10**400}, "recover_s must be a number"),
    (Testbed.experiment, (), {"load": LOAD, "recover_s": 10**9}, "recover_s must be at most"),
    (Testbed.load, (get("/"),), {}, "shape must be a Workload"),
    (Testbed.inject, (None,), {}, "faults must be a Fault, not None"),
    (Testbed.client, (5,), {}, "user must be text"),
    (Traffic.run, (math.nan,), {}, "for_s must be a number"),
    (Traffic.run, (1, None), {}, "phase must be text"),
]


@pytest.mark.parametrize(("method", "args", "kwargs", "said"), CALLS)
def test_a_running_mesh_is_asked_only_for_what_it_can_do(
    method: Callable[..., object], args: tuple[object, ...], kwargs: dict[str, object], said: str
) -> None:
    with pytest.raises(TestbedError, match=said):
        method(object(), *args, **kwargs)


@pytest.mark.parametrize("cohort", [None, "", 5])
def test_no_cohort_is_no_cohort(cohort: Any) -> None:
    with pytest.raises(FaultError, match="cohort"):
        FAULTS["delay"](ms=5).for_cohort(cohort)  # type: ignore[call-arg]
    with pytest.raises(CheckError, match="cohort"):
        CHECKS["statuses"](200).for_cohort(cohort)  # type: ignore[call-arg]


def test_the_annotation_of_every_field_is_known() -> None:
    for maker in (*FAULTS.values(), *CHECKS.values(), *PROBES.values(), Workload):
        kind = getattr(maker, "func", maker)  # p99 is quantile with one argument filled in
        unknown = [one.name for one in fields(kind) if _hints(kind)[one.name] is object and str(one.type) != "object"]
        assert not unknown, (kind, unknown)
        assert issubclass(kind, Fault | Check | probes.Probe | Workload)
