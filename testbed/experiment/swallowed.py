"""Whether a test that caught an inconclusive verdict meant to: its code names `Inconclusive`, or asks for the word."""

from __future__ import annotations

from collections.abc import Iterator
from types import CodeType, FrameType

from testbed.errors import Inconclusive

_WORD = "inconclusive"


def is_meant(error: BaseException) -> bool:
    """Return whether a frame through which an error passed, up to the one that caught it, names its kind.

    `pytest.raises(AssertionError)` or `except Exception` would take a violation as well, so they name nothing.
    """
    return any(map(_names_it, _passed(error)))


def _passed(error: BaseException) -> Iterator[FrameType]:
    trace = error.__traceback__
    while trace is not None:
        if not str(trace.tb_frame.f_globals.get("__name__")).startswith("testbed."):
            yield trace.tb_frame
        trace = trace.tb_next


def _names_it(frame: FrameType) -> bool:
    names = {name for code in _codes(frame.f_code) for name in (*code.co_names, *code.co_freevars)}
    values = (*frame.f_locals.values(), *(frame.f_globals.get(name) for name in names))
    return Inconclusive.__name__ in names or any(map(_is_it, values)) or any(map(_asks, _codes(frame.f_code)))


def _is_it(value: object) -> bool:
    return any(one is Inconclusive for one in (value if isinstance(value, (tuple, list)) else (value,)))


def _asks(code: CodeType) -> bool:
    """Whether a text of the code, but for its docstring, has the word: `match="INCONCLUSIVE"`, `== "inconclusive"`."""
    return any(isinstance(text, str) and _WORD in text.lower() for text in code.co_consts[1:])


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _codes(inner)
