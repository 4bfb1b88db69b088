"""The lines between Python and the load driver."""

from __future__ import annotations

import json
from collections import Counter
from itertools import islice

import pytest

from testbed.errors import TestbedError
from testbed.history.events import Request
from testbed.load.driver_protocol import address, chunk_text, request_of, rounds
from testbed.load.schedule import ScheduledRequest

PLANNED = ScheduledRequest(0.5, "r1", "u0001", "oslo", "POST", "/x", {"x-a": "b"}, b"\x00")


def test_a_chunk_is_a_command_and_its_requests() -> None:
    lines = "".join(chunk_text(3, 100.25, [PLANNED] * 250, [1] * 250)).splitlines()
    assert json.loads(lines[0]) == {"cmd": "chunk", "chunk": 3, "start": 100.25, "count": 250}
    assert len(lines) == 251
    assert json.loads(lines[250]) == {
        "offset": 0.5,
        "id": "r1",
        "target": 1,
        "method": "POST",
        "path": "/x",
        "headers": {"x-a": "b"},
        "body": "AA==",
    }


def test_a_result_becomes_a_request() -> None:
    line = {"intended": 100.0, "sent": 100.25, "end": 100.5, "status": 200, "fallback": "list-price, empty"}
    assert request_of(line, PLANNED, "hold", "shop-1") == Request(
        id="r1",
        user="u0001",
        cohort="oslo",
        intended=100.0,
        sent=100.25,
        latency_ms=500.0,
        status=200,
        method="POST",
        path="/x",
        fallbacks=("list-price", "empty"),
        replica="shop-1",
        phase="hold",
    )


def test_a_grpc_status_is_kept_zero_among_them() -> None:
    line = {"intended": 1.0, "sent": 1.0, "end": 1.0, "status": 200}
    assert request_of(line | {"grpc": 0}, PLANNED, "", "").grpc_status == 0
    assert request_of(line, PLANNED, "", "").grpc_status is None


def test_an_unusual_error_keeps_its_words() -> None:
    line = {"intended": 1.0, "sent": 1.0, "end": 1.0, "status": 0, "error": "other", "detail": "too many open files"}
    assert request_of(line, PLANNED, "", "").error == "other: too many open files"
    assert request_of(line, PLANNED, "", "").fallbacks == ()


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080", "http://127.0.0.1:8080/"])
def test_the_address_of_a_base_url(url: str) -> None:
    assert address(url) == "127.0.0.1:8080"


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8080", "https://127.0.0.1:1", "http://127.0.0.1", "http://127.0.0.1:1/x", "http://h:99999", ""]
)
def test_what_is_no_base_url(url: str) -> None:
    with pytest.raises(TestbedError, match="is not a base URL"):
        address(url)


def test_targets_come_once_a_round_but_not_in_turns() -> None:
    drawn = list(islice(rounds(2, 1), 400))
    assert all(set(drawn[i : i + 2]) == {0, 1} for i in range(0, 400, 2))
    assert 60 < Counter(drawn[::2])[0] < 140  # every other request: a cohort must not meet one replica only
    assert drawn == list(islice(rounds(2, 1), 400))
