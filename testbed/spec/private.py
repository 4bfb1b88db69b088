"""What a record, a log copy and a message must not hold: values of `env`, credentials, query strings, cookies.

Names are kept, values are not. Two values that differ stay different: a value becomes `~` and six digits of a keyed
hash. Its key exists only in this process, so nobody finds a value by trying likely ones.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any

HIDDEN = "***"
HEADERS = frozenset(("authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "x-auth-token"))
PLACES = frozenset(("location", "content-location", "referer"))  # headers that hold a URL
LEAST = 6  # characters of a value that is looked for in free text: shorter ones are parts of other words
_KEY = secrets.token_bytes(16)
_LOGIN = re.compile(r"(?<=://)[^/?#@\s]+(?=@)")
_NAMED = re.compile(
    r"passw|passphrase|secret|token|credential|api_?-?key|access_?-?key|private_?-?key|auth", re.IGNORECASE
)
_OPTION = re.compile(r"(?P<name>--?[\w.-]+|\w+)=(?P<value>.*)", re.DOTALL)


def digest(value: str) -> str:
    """Return a mark of a value: the same for the same value, in this process."""
    return f"~{blake2b(value.encode(errors='surrogatepass'), key=_KEY, digest_size=3).hexdigest()}"


def path(text: str) -> str:
    """Return a path with a mark for each value of its query, and without login: `/pay?card=~3f2a1b`."""
    plain, mark, query = url(text).partition("?")
    return f"{plain}?{'&'.join(map(_pair, query.split('&')))}" if mark else plain


def url(text: str) -> str:
    """Return a text without the login of each URL in it: `postgres://***@db`."""
    return _LOGIN.sub(HIDDEN, text)


def headers(pairs: Iterable[str], *, queries: bool = False) -> tuple[str, ...]:
    """Return "name: value" of headers, with a mark for the value of one that carries a secret.

    `queries`: the values of query strings in them are kept.
    """
    return tuple(_header(pair, queries) for pair in pairs)


def words(command: Iterable[str]) -> list[str]:
    """Return the words of a command without logins and without values of options such as `--password`."""
    found, hide = [], False
    for word in command:
        found.append(HIDDEN if hide else _word(word))
        hide = word.startswith("-") and "=" not in word and bool(_NAMED.search(word))
    return found


def described(topology: Mapping[str, Any]) -> dict[str, Any]:
    """Return a topology as JSON data without values of `env`, logins, and secret options of commands."""
    return {key: _described(key, value) for key, value in topology.items()}


def text(written: str) -> str:
    """Return a text with commands and URLs in it, such as a probe as written, without logins and secret options."""
    return " ".join(words(written.split(" ")))


def values(env: Mapping[str, str], command: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the secret values of a process, the longest first: of secret names, and logins of URLs."""
    found = {value for name, value in env.items() if _NAMED.search(name)}
    found |= {login for text in (*env.values(), *command) for login in _logins(text)}
    found |= {real for real, shown in zip(command, words(command), strict=True) if shown == HIDDEN}
    found |= {one["value"] for word in command if (one := _OPTION.fullmatch(word)) and _NAMED.search(one["name"])}
    return tuple(sorted((value for value in found if len(value) >= LEAST), key=len, reverse=True))


def scrubbed(text: str, hidden: Iterable[str]) -> str:
    """Return free text without these values."""
    for value in hidden:
        text = text.replace(value, HIDDEN)
    return text


def _pair(text: str) -> str:
    name, equals, value = text.partition("=")
    if equals:
        return f"{name}={digest(value) if value else ''}"
    return digest(name) if name else ""


def _header(text: str, queries: bool) -> str:
    name, colon, value = text.partition(": ")
    if name.lower() in HEADERS:
        return f"{name}{colon}{digest(value)}"
    if name.lower() in PLACES:
        return f"{name}{colon}{url(value) if queries else path(value)}"
    return text


def _word(word: str) -> str:
    option = _OPTION.fullmatch(word)
    return f"{option['name']}={HIDDEN}" if option and _NAMED.search(option["name"]) else url(word)


def _described(key: str, value: Any) -> Any:
    if key == "env" and isinstance(value, Mapping):
        return dict.fromkeys(value, HIDDEN)
    if isinstance(value, Mapping):
        return described(value)
    if isinstance(value, list | tuple):
        return words(value) if all(isinstance(one, str) for one in value) else [_described("", one) for one in value]
    return url(value) if isinstance(value, str) else value


def _logins(text: str) -> Iterator[str]:
    for login in _LOGIN.findall(text):
        yield login
        yield login.partition(":")[2]
