"""Why a call, an attempt or an arrival got no answer, in words that do not depend on the proxy.

Each is the `outcome` of such an event, next to the raw flags of the proxy that recorded it. It is "" where an answer
came, or where the reason is not recorded.
"""

from __future__ import annotations

NO_HOST = "no_healthy_upstream"  # every host is ejected
LIMIT = "breaker_open"  # a limit of the circuit breaker was reached
CONNECT_FAILED = "connect_failed"
RESET = "reset"  # the connection broke before the answer was whole
TIMEOUT = "timeout"
CLIENT_GONE = "client_gone"  # the caller closed its connection, or cancelled
SKIPPED = "skipped"  # by the calling app itself: no event has it, a check concludes it from missing calls

OUTCOMES = (NO_HOST, LIMIT, CONNECT_FAILED, RESET, TIMEOUT, CLIENT_GONE)
REFUSED = (NO_HOST, LIMIT)  # the proxy answers by itself, without an attempt

WORDS = {
    NO_HOST: "no healthy upstream",
    LIMIT: "circuit breaker open",
    CONNECT_FAILED: "connection failed",
    RESET: "connection reset",
    TIMEOUT: "upstream timeout",
    CLIENT_GONE: "client disconnected",
}
