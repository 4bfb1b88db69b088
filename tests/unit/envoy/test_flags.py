"""Envoy's flags as neutral codes: what ended a call comes before what happened on its way."""

import pytest

from testbed.envoy.flags import flags, has_begun, outcome


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
        ("UPE", "protocol_error"),
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


@pytest.mark.parametrize(
    ("flags", "code"),
    [
        ("", ""),
        ("URX", ""),
        ("UO", ""),  # a limit that forbade a retry: the answer itself is whole
        ("FI", ""),
        *((flag, "broken_off") for flag in ("UPE", "UC", "UR", "LR", "UT", "UMSDR", "SI", "UC,DC")),
        ("DC", "client_gone"),
        ("DR", "client_gone"),
    ],
)
def test_a_flag_that_ends_an_answer_that_had_begun_means_that_it_broke_off(flags: str, code: str) -> None:
    assert outcome(flags, begun=True) == code


@pytest.mark.parametrize(
    ("status", "grpc", "details", "begun"),
    [
        (200, None, "", True),
        (0, None, "", False),
        (503, None, "upstream_reset_before_response_started{connection_termination}", False),
        (503, None, "upstream_reset_after_response_started{connection_termination}", True),
        (200, 14, "upstream_reset_before_response_started{connection_failure}", False),  # Envoy itself, in gRPC
        (200, 2, "upstream_reset_after_response_started{connection_termination}", True),  # a stream without trailers
    ],
)
def test_whether_the_callee_had_begun_to_answer(status: int, grpc: int | None, details: str, begun: bool) -> None:
    assert has_begun(status, grpc, details) is begun
