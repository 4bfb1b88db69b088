"""Hides what looks like a credential in any text: in URLs, queries, headers, assignments and options."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from hashlib import blake2b

from testbed.masking.names import WORDS

HIDDEN = "***"
_KEY = os.urandom(16)  # without it, likely values could be tried until one has the same digest
_QUOTED = r"\\?\"[^\"\n]*\"|\\?'[^'\n]*'"

MARK = r"~[0-9a-f]{6}"  # of a value, see `digest`
_LOGIN = re.compile(r"(?<=://)[^\s/\"'<>]+(?=@)")
_HEADER = re.compile(
    rf"\b((?:proxy-)?authorization|(?:set-)?cookie)(\\?[\"']?\s*[:=,]\s*)({_QUOTED}|[^\r\n\"']+)", re.IGNORECASE
)
_SCHEME = re.compile(r"\b(bearer|basic)(\s+)((?=[^\s\"']*[0-9=])[\w.~+/=-]{8,})", re.IGNORECASE)
_ASSIGNED = re.compile(
    rf"(?<![\w.-])([\w.-]*(?:{WORDS})[\w.-]*)(\\?[\"']?=|\\?[\"']?\s*:\s*(?=\\?[\"']))({_QUOTED}|[^\s\"',;&}}\]]+)",
    re.IGNORECASE,
)
_OPTION = re.compile(rf"(?<![\w-])(--?[\w-]*(?:{WORDS}))(\s+)({_QUOTED}|[^\s\"'-][^\s\"']*)", re.IGNORECASE)
_PARAMETER = re.compile(r"(?<=[?&])([\w.%~\[\]-]+)(=)([^&\s\"'<>\\#]+)")
_HINTS = ("passw", "passphrase", "secret", "token", "credential", "key", "authorization", "cookie", "bearer", "basic")


def digest(value: str) -> str:
    """Return a mark of a value: the same for the same value, in this process."""
    return f"~{blake2b(value.encode(errors='surrogatepass'), key=_KEY, digest_size=3).hexdigest()}"


def without_credentials(text: str, *, queries: bool = False) -> str:
    """Return a text without what looks like a credential. `queries`: the values of query strings are kept."""
    text = without_logins(text)
    lower = text.lower()
    if any(hint in lower for hint in _HINTS):  # most texts have none, and the patterns take 100 us for a line
        for pattern in (_HEADER, _SCHEME, _ASSIGNED, _OPTION):
            text = pattern.sub(_hidden, text)
    return text if queries or "=" not in text else _PARAMETER.sub(_marked, text)


def without_logins(text: str) -> str:
    """Return a text without the login of each URL in it: `postgres://***@db`."""
    return _LOGIN.sub(HIDDEN, text) if "://" in text else text


def logins(text: str) -> Iterator[str]:
    """Yield the login of each URL in a text, and its password alone."""
    for login in _LOGIN.findall(text):
        yield login
        yield login.partition(":")[2]


def is_hidden(value: str) -> bool:
    """Whether a value was hidden before."""
    return value.startswith(HIDDEN) or bool(re.fullmatch(MARK, value))


def _hidden(found: re.Match[str]) -> str:
    value = found[3]
    bare = value.strip("\\\"' ")
    if not bare or is_hidden(bare):
        return found[0]
    start, end = value[: value.index(bare)], value[value.index(bare) + len(bare) :]
    return f"{found[1]}{found[2]}{start}{HIDDEN}{end}"


def _marked(found: re.Match[str]) -> str:
    value = found[3].rstrip(",;:.)]}")  # of the sentence around it
    if not value or is_hidden(value):
        return found[0]
    return f"{found[1]}={digest(value)}{found[3][len(value) :]}"
