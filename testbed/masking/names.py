"""Which names say that their value is secret."""

from __future__ import annotations

import re

WORDS = "password|passwd|passphrase|secret|token|credential|api[_-]?key|access[_-]?key|private[_-]?key"
"""Words that say it in running text and in names of headers, as a regular expression."""
_IN_NAME = re.compile(f"{WORDS}|authorization|cookie", re.IGNORECASE)
_PARTS = frozenset({"key", "keys", "pass", "pwd", "dsn", "auth", "oauth", "pin", "sig", "signature", "jwt", "salt"})


def is_secret_name(name: str) -> bool:
    """Whether the name of a variable, of an option or of a parameter says that its value is secret."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    if name == "PWD":  # the working directory, in every shell
        return False
    return bool(_IN_NAME.search(name)) or not _PARTS.isdisjoint(re.split(r"[^a-z0-9]+", spaced.lower()))


def is_secret_header(name: str) -> bool:
    """Whether a header carries credentials. A word as short as `key` does not say so: `idempotency-key` does not."""
    return bool(_IN_NAME.search(name))
