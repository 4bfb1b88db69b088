"""Checks what a test hands over against the annotation of the parameter or field, before anything uses it.

The rule is the same everywhere. A number is an `int` or a `float` of Python (also of a class below one, such as
`http.HTTPStatus` or numpy's `float64`), finite, and never a `bool`. A text is a `str` that can be encoded.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable as Function
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from functools import cache, wraps
from types import NoneType, UnionType
from typing import Any, Literal, ParamSpec, TypeGuard, TypeVar, Union, get_args, get_origin

P = ParamSpec("P")
R = TypeVar("R")

MOST = 10**12  # a number beyond it is a mistake
MOST_OF = {"s": 10**7, "ms": 10**10}  # times: at most about four months
LONGEST = 120  # of what an error quotes


def refuse_misfits(value: Any, error: type[Exception], validate: Function[[], object] = lambda: None) -> None:
    """Raise `error` for the first field of a dataclass whose value does not fit its annotation.

    `validate` expects values that fit; if it raises an `error` of its own, that is told: it knows what is allowed.
    """
    hints = _hints(value.__class__)
    for one in fields(value):
        if said := _misfit(one.name, getattr(value, one.name), hints[one.name]):
            _say_better(validate, error)
            raise error(f"{_written(value)}: {said}")


def _say_better(validate: Function[[], object], error: type[Exception]) -> None:
    try:
        validate()
    except error:
        raise
    except Exception:  # of values that do not fit
        return


def checked(error: type[Exception]) -> Function[[Function[P, R]], Function[P, R]]:
    """Let a function or method raise `error` for an argument that does not fit its annotation."""

    def decorate(function: Function[P, R]) -> Function[P, R]:
        signature = inspect.signature(function)

        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            for name, value, hint in _given(function, signature, args, kwargs):
                if said := _misfit(name, value, hint):
                    raise error(f"{function.__name__}(): {said}")
            return function(*args, **kwargs)

        return call

    return decorate


def shown(value: object) -> str:
    """Return a short `repr` of any value, also of one that has none."""
    try:
        text = repr(value)
    except Exception:  # of a foreign class, or a number with more digits than Python prints
        return f"a value of type {type(value).__name__}"
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 4]} ..."


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and -MOST <= value <= MOST


def is_whole(value: object) -> bool:
    """Whether a value is a whole number."""
    return isinstance(value, int) and is_number(value)


def _given(
    function: Function[..., object], signature: inspect.Signature, args: Iterable[object], kwargs: Mapping[str, object]
) -> Iterator[tuple[str, object, object]]:
    """Yield name, value and annotation of each argument; nothing if Python itself refuses the call."""
    try:
        bound = signature.bind(*args, **kwargs).arguments
    except TypeError:
        return
    hints = _hints(function)
    for name, value in bound.items():
        several = signature.parameters[name].kind is inspect.Parameter.VAR_POSITIONAL
        yield from ((name, one, hints.get(name, object)) for one in (value if several else (value,)))


def _written(value: object) -> str:
    try:
        text = str(value)
    except Exception:  # the misfit cannot be printed
        return type(value).__name__
    return text if len(text) <= LONGEST else type(value).__name__


@cache
def _hints(owner: Any) -> Mapping[str, object]:
    """Return the annotation of each name. One that only a type checker can resolve is `object`."""
    found: dict[str, object] = {}
    for part in reversed(getattr(owner, "__mro__", (owner,))):
        scope = vars(sys.modules[part.__module__])
        found |= {name: _resolved(text, scope) for name, text in inspect.get_annotations(part).items()}
    return found


def _resolved(text: object, scope: dict[str, Any]) -> object:
    try:
        return eval(text, scope) if isinstance(text, str) else text
    except NameError:
        return object


def _misfit(name: str, value: object, hint: object) -> str:
    """Return why a value does not fit, "" if it does."""
    if not _fits(value, hint):
        return f"{name} must be {_words(hint)}, not {shown(value)}"
    rest, _, unit = name.rpartition("_")
    most = MOST if rest.endswith("per") else MOST_OF.get(unit, MOST)
    if is_number(value) and abs(value) > most:
        return f"{name} must be at most {most:,}, not {shown(value)}"
    return ""


def _fits(value: object, hint: Any) -> bool:
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(_fits(value, one) for one in args)
    if origin is Literal:  # which of them is for the class to say, with the nearest name
        return type(value) in {type(one) for one in args}
    if origin is not None:
        return _fits_inside(value, origin, args)
    return _PLAIN[hint](value) if hint in _PLAIN else not isinstance(hint, type) or isinstance(value, hint)


def _fits_inside(value: object, origin: Any, args: tuple[Any, ...]) -> bool:
    """Whether a value is of a generic class, and all that it contains fits."""
    if not isinstance(value, origin) or (isinstance(value, str) and origin is not str):
        return False
    if isinstance(value, Mapping):
        return all(_fits(key, args[0]) and _fits(one, args[1]) for key, one in value.items())
    if origin is tuple and args[-1] is not Ellipsis:
        return len(value) == len(args) and all(map(_fits, value, args))
    return not isinstance(value, Sequence) or all(_fits(one, args[0]) for one in value)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and not any("\ud800" <= letter <= "\udfff" for letter in value)


_PLAIN: Mapping[object, Function[[object], bool]] = {
    Any: lambda value: True,
    None: lambda value: value is None,
    NoneType: lambda value: value is None,
    bool: lambda value: isinstance(value, bool),
    int: is_whole,
    float: is_number,
    str: _is_text,
}
_NAMES: Mapping[object, str] = {
    None: "None",
    NoneType: "None",
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    str: "text",
    bytes: "bytes (encode it first)",
    Function: "a function",
    Mapping: "a mapping",
    Sequence: "a sequence",
}


def _words(hint: Any) -> str:
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(map(_words, args)))
    if origin is Literal:
        return "one of " + ", ".join(map(repr, args))
    inside = "" if origin in (None, Function) else " of " + " and ".join(_words(a) for a in args if a is not ...)
    name = origin or hint
    return _NAMES.get(name, f"a {getattr(name, '__name__', name)}") + inside
