"""An Envoy's counters, read from the text that its admin address answers."""

import pytest

from testbed import TestbedError
from testbed.envoy import admin


def test_each_counter_is_found_by_its_name_and_a_missing_one_is_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        "http.testbed.downstream_rq_active: 2\nhttp.testbed.downstream_rq_total: 7\ntcp.testbed.downstream_cx_total: 3"
    )
    monkeypatch.setattr(admin, "ask", lambda *asked: (200, text))
    assert admin.counters("127.9.1.1:9990") == (7, 2, 3, 0)


def test_an_envoy_that_is_not_there_is_named() -> None:
    with pytest.raises(TestbedError, match=r"the Envoy at 127.0.0.1:1 does not return its counters: ConnectionRefused"):
        admin.counters("127.0.0.1:1")
