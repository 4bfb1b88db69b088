"""How a call, attempt, arrival or request ended without a whole answer, in words that do not depend on the proxy.

Each is the `outcome` of such an event, next to the raw flags of the proxy that recorded it. It is "" where a whole
answer came, or where the reason is not recorded. A check never reads a status alone: `ok`, `answered` and `has_status`
of an event read the outcome, too.
"""

from __future__ import annotations

NO_HOST = "no_healthy_upstream"  # every host is ejected
LIMIT = "breaker_open"  # a limit of the circuit breaker was reached
CONNECT_FAILED = "connect_failed"
RESET = "reset"  # the connection broke before an answer began
TIMEOUT = "timeout"
CLIENT_GONE = "client_gone"  # the caller closed its connection, or cancelled
BROKEN_OFF = "broken_off"  # an answer began, and ended before it was whole: its status came, and not all of its body
PROTOCOL = "protocol_error"  # what came was no answer in the protocol of the edge
REJECTED = "rejected"  # the caller's proxy did not accept what the app sent: its protocol, or the size of its head
IN_FLIGHT = "in_flight"  # it had begun, and not ended when the record did
SKIPPED = "skipped"  # by the calling app itself: no event has it, a check concludes it from missing calls

OUTCOMES = (NO_HOST, LIMIT, CONNECT_FAILED, RESET, TIMEOUT, CLIENT_GONE, BROKEN_OFF, PROTOCOL, REJECTED, IN_FLIGHT)
REFUSED = (NO_HOST, LIMIT)  # the proxy answers by itself, without an attempt
PARTIAL = (BROKEN_OFF, CLIENT_GONE, IN_FLIGHT)  # the caller did not get the whole answer, whatever its status is

WORDS = {
    NO_HOST: "no healthy upstream",
    LIMIT: "circuit breaker open",
    CONNECT_FAILED: "connection failed",
    RESET: "connection reset",
    TIMEOUT: "upstream timeout",
    CLIENT_GONE: "client disconnected",
    BROKEN_OFF: "answer broke off",
    PROTOCOL: "protocol error",
    REJECTED: "not accepted by the proxy",
    IN_FLIGHT: "still in flight",
}
