"""Envoy's flags as neutral codes: what ended a call comes before what happened on its way."""

import pytest

from testbed.envoy.flags import flags, outcome


@pytest.mark.parametrize(
    ("flags", "code"),
    [
        ("", ""),
        ("URX", ""),  # the last answer is the callee's own
        ("DI", ""),
        ("UH", "no_healthy_upstream"),
        ("UO", "breaker_open"),
        ("UF", "connect_failed"),
        ("URX,UF", "connect_failed"),
        ("UF,UH", "no_healthy_upstream"),
        ("UT", "timeout"),
        ("URX,UC", "reset"),
        ("UR", "reset"),
        ("DC", "client_gone"),
        ("DI,DR", "client_gone"),
        ("UTX,DCX", ""),  # a flag is a whole word
    ],
)
def test_flags_have_a_code(flags: str, code: str) -> None:
    assert outcome(flags) == code


def test_a_limit_that_forbade_only_a_retry_is_not_the_outcome() -> None:
    assert outcome("UO", refused=False) == ""
    assert outcome("UF,UO", refused=False) == "connect_failed"


def test_a_dash_is_no_flag() -> None:
    assert [flags(text) for text in ("-", None, "UF,URX")] == ["", "", "UF,URX"]
