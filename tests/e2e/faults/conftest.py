"""The mesh on which every fault is measured: one caller, one callee. The impatient one retries what cannot connect."""

from testbed import topology

pair = topology("pair.yaml", scope="module")
impatient = topology(
    "pair.yaml",
    scope="module",
    policies={
        "front -> back": {
            "connectionPool": {"connectTimeout": "200ms"},
            "retries": {"attempts": 1, "retryOn": ["connect-failure"], "backoff": "1ms"},
        }
    },
)
