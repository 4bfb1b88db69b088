import pytest

from testbed.errors import FaultError
from testbed.faults import abort
from tests.kit.fault_context import CONTEXT


def test_the_status_is_the_rules_abort():
    (rule,) = abort(429).on(service="auth").for_attempts(1).operations(CONTEXT, "f1")
    assert (rule.abort, rule.delay_ms, rule.scope.attempts) == (429, None, frozenset({1}))


def test_the_default_is_503():
    assert abort().status == 503


@pytest.mark.parametrize("status", [0, 99, 199, 600, "503", 5.5])
def test_what_is_no_status_is_refused(status):
    with pytest.raises(FaultError, match="status is an HTTP status from 200 to 599"):
        abort(status)


def test_its_text_names_the_status_even_if_it_is_the_default():
    assert str(abort().on("web -> api")) == "abort(status=503).on('web -> api')"
    assert str(abort(grpc_status="UNAVAILABLE")) == "abort(grpc_status='UNAVAILABLE')"
