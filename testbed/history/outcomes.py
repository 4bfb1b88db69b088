"""What became of a call, a try or an arrival that got no answer of its own, in words that belong to no proxy.

Each is the `outcome` of such an event, beside the raw flags of the proxy that recorded it; "" where an answer came, or
where the record does not tell.
"""

from __future__ import annotations

NO_HOST = "no_healthy_upstream"  # no host could be chosen: all are ejected
LIMIT = "breaker_open"  # a limit was reached
CONNECT_FAILED = "connect_failed"
RESET = "reset"  # the connection broke before the answer was whole
TIMEOUT = "timeout"
CLIENT_GONE = "client_gone"  # the caller closed its connection, or cancelled

OUTCOMES = (NO_HOST, LIMIT, CONNECT_FAILED, RESET, TIMEOUT, CLIENT_GONE)
REFUSED = (NO_HOST, LIMIT)  # those that a proxy answers by itself, without a try
