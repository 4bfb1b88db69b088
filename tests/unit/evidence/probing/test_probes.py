import pytest

from testbed.errors import TestbedError
from testbed.evidence.probing.probes import command_probe, http_probe, metric_probe, promql_probe


@pytest.mark.parametrize(
    ("probe", "text"),
    [
        (
            http_probe("orders", "/stats", json="pool.idle", every_ms=100),
            "http_probe('orders', '/stats', json='pool.idle')",
        ),
        (metric_probe("orders", "pool_idle"), "metric_probe('orders', 'pool_idle')"),
        (
            metric_probe("orders", "pool_idle", labels={"pool": "main"}, port=9090),
            "metric_probe('orders', 'pool_idle', port=9090, labels={'pool': 'main'})",
        ),
        (command_probe("redis-cli dbsize", on="db"), "command_probe('redis-cli dbsize', on='db')"),
        (promql_probe("http://127.0.0.1:9090", "up"), "promql_probe('http://127.0.0.1:9090', 'up')"),
    ],
)
def test_a_probe_is_shown_as_it_was_written(probe, text):
    assert str(probe) == text


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: http_probe("orders", "stats"), "the path 'stats' must begin with '/'"),
        (lambda: http_probe("https://a"), "begins with http://; use command_probe"),
        (lambda: http_probe("a", value="code"), "value is one of 'body', 'status', not 'code'"),
        (lambda: http_probe("a", every_ms=1), "every_ms must be a number of 10 or more, not 1"),
        (lambda: http_probe("a", timeout_ms=None), "timeout_ms must be a number"),
        (lambda: command_probe(""), "there is no command"),
        (lambda: command_probe("a", value="rows"), "value is one of 'output', 'exit_code', 'lines', not 'rows'"),
    ],
)
def test_bad_values_are_refused_when_it_is_written(make, why):
    with pytest.raises(TestbedError, match=why):
        make()
