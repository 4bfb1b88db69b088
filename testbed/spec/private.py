"""What a record, a log copy and a message must not hold: values of `env`, credentials, query strings, cookies.

Names are kept, values are not. Two values that differ stay different: a value becomes `~` and six digits of a keyed
hash. Its key exists only in this process, so nobody finds a value by trying likely ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from testbed.masking.known import LEAST
from testbed.masking.names import is_secret_header, is_secret_name
from testbed.masking.texts import HIDDEN, MARK, digest, logins, without_credentials, without_logins

COMMANDS = ("command", "build", "argv")  # the keys of a topology and of a plan that hold a command
PLACES = frozenset(("location", "content-location", "referer"))  # headers that hold a URL
_MARK = re.compile(rf"(?<==){MARK}\b")
_OPTION = re.compile(r"(?P<name>--?[\w.-]+|\w+)=(?P<value>.*)", re.DOTALL)


def path(text: str) -> str:
    """Return a path with a mark for each value of its query, and without login: `/pay?card=~3f2a1b`."""
    plain, mark, query = without_logins(text).partition("?")
    return f"{plain}?{'&'.join(map(_pair, query.split('&')))}" if mark else plain


def constant(text: str, *, queries: bool = False) -> str:
    """Return a text without credentials, the same in every process: values of queries have no marks of their own."""
    return _MARK.sub(HIDDEN, without_credentials(text, queries=queries))


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
        hide = word.startswith("-") and "=" not in word and is_secret_name(word)
    return found


def described(topology: Mapping[str, Any]) -> dict[str, Any]:
    """Return a topology, or a process of a plan, as JSON data without values of `env` and without credentials."""
    queries = bool(topology.get("recordQueries"))
    return {key: _described(key, value, queries) for key, value in topology.items()}


def values(env: Mapping[str, str], command: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the secret values of a process, the longest first: of secret names, and logins of URLs."""
    found = {value for name, value in env.items() if is_secret_name(name)}
    found |= {login for text in (*env.values(), *command) for login in logins(text)}
    found |= {real for real, shown in zip(command, words(command), strict=True) if shown == HIDDEN}
    found |= {one["value"] for word in command if (one := _OPTION.fullmatch(word)) and is_secret_name(one["name"])}
    return tuple(sorted((value for value in found if len(value) >= LEAST), key=len, reverse=True))


def _pair(text: str) -> str:
    name, equals, value = text.partition("=")
    if equals:
        return f"{name}={digest(value) if value else ''}"
    return digest(name) if name else ""


def _header(text: str, queries: bool) -> str:
    name, colon, value = text.partition(": ")
    if is_secret_header(name):
        return f"{name}{colon}{digest(value)}"
    if name.lower() in PLACES:
        return f"{name}{colon}{without_logins(value) if queries else path(value)}"
    return text


def _word(word: str) -> str:
    option = _OPTION.fullmatch(word)
    return f"{option['name']}={HIDDEN}" if option and is_secret_name(option["name"]) else constant(word)


def _described(key: str, value: Any, queries: bool) -> Any:
    if key == "env" and isinstance(value, Mapping):
        return dict.fromkeys(value, HIDDEN)
    if isinstance(value, Mapping):
        return {name: _described(name, one, queries) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return words(value) if key in COMMANDS else [_described("", one, queries) for one in value]
    return constant(value, queries=queries) if isinstance(value, str) else value


def of_load(path: str, headers: Mapping[str, str]) -> Iterator[str]:
    """Yield the secrets that a load sends: in headers for credentials, and in parameters with a secret name."""
    for name, value in headers.items():
        if is_secret_header(name):
            yield from re.split(r"\{[^{}]*\}|[\s;]+", value)
            yield from (cookie.partition("=")[2] for cookie in value.split(";"))
    for name, _, value in (part.partition("=") for part in path.partition("?")[2].split("&")):
        if is_secret_name(name):
            yield value


def others(topology: Mapping[str, Any]) -> Iterator[str]:
    """Yield the values of `env` that messages and logs do not show either, although no name says that they are secret.

    Paths and templates are not among them: messages need them, and their addresses are of the run.
    """
    for service in topology["services"].values():
        yield from (value for value in (service.get("env") or {}).values() if value[:1] != "/" and "{" not in value)
