"""The values that are known to be secret in this process, and texts without them."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Collection, Iterable, Iterator
from urllib.parse import quote, quote_plus, unquote

from testbed.masking.texts import HIDDEN, without_credentials

LEAST = 6  # characters of a secret that is looked for in free text: shorter ones are parts of other words
LEAST_OTHER = 16  # of a value of `env` whose name does not say that it is secret


class Known:
    """Values to hide. Secrets are hidden in every text, other values of `env` in messages and copies of logs only."""

    def __init__(self) -> None:
        self._secrets, self._others, self._public = set[str](), set[str](), ""
        self._in_records = self._everywhere = _any_of(())

    def learn(self, secrets: Iterable[str] = (), others: Iterable[str] = (), public: Iterable[str] = ()) -> None:
        """Hide these values from now on, each as it is and as JSON, URLs and base64 write it.

        `public`: names that are printed everywhere. A value that is one of them, or a part of one, is not hidden.
        """
        self._public = "\n".join([self._public, *public])
        self._secrets |= {form for value in secrets for form in _forms(value, LEAST)}
        self._others |= {form for value in others for form in _forms(value, LEAST_OTHER)}
        hidden = {value for value in self._secrets if value not in self._public}
        self._in_records, self._everywhere = _any_of(hidden), _any_of(hidden | self._others)

    def in_record(self, text: str, *, queries: bool = False) -> str:
        """Return a text for a history. Checks read it, so values that are not secret stay."""
        return self._cut(self._in_records.sub(HIDDEN, without_credentials(text, queries=queries)))

    def in_message(self, text: str, *, queries: bool = False) -> str:
        """Return a text for a reader: a message, or a line of a log."""
        return self._everywhere.sub(HIDDEN, without_credentials(text, queries=queries))

    def _cut(self, text: str) -> str:
        """Hide the beginning of a secret at the end of a text that was cut."""
        if len(text) < LEAST:
            return text
        for value in self._secrets:
            at = text.rfind(value[:LEAST], max(0, len(text) - len(value) + 1))
            if at >= 0 and value.startswith(text[at:]) and value not in self._public:
                text = text[:at] + HIDDEN
        return text


def _forms(value: str, least: int) -> Iterator[str]:
    """Yield every form of a value that is long enough; of several lines also each long line."""
    lines = [one for line in value.splitlines() if len(one := line.strip()) >= LEAST_OTHER] if "\n" in value else []
    for text in {value, unquote(value), *lines}:
        if len(text) >= least and text.strip("*"):
            inside = text.encode("utf-8", "surrogateescape" if _is_escaped(text) else "surrogatepass")
            yield from (text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1])
            yield from (quote(inside, safe=""), quote_plus(inside), base64.b64encode(inside).decode().rstrip("="))


def _is_escaped(text: str) -> bool:
    return all("\udc80" <= one <= "\udcff" for one in text if "\ud800" <= one <= "\udfff")


def _any_of(values: Collection[str]) -> re.Pattern[str]:
    longest_first = sorted(values, key=lambda value: (-len(value), value))
    return re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")


KNOWN = Known()
"""Of this process: what its topologies and loads hold. Reports are printed after the meshes have ended, too."""
