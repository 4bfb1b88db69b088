"""The errors of the testbed, by cause: the testbed itself, the user's input, or the system under test.

```
Exception
├── TestbedError            the testbed failed or the input is wrong: pytest reports ERROR, all is stopped
│   ├── TopologyError       an invalid topology (file, line, field, nearest valid name)
│   ├── FaultError          a fault that cannot be injected as written
│   ├── CheckError          a check that cannot be evaluated as written
│   ├── LoadError           a load that cannot be sent as written
│   └── Unavailable         a binary or package is missing on this machine
│       └── Unsupported     the kernel, the user or the runtime cannot do it: the test is skipped
└── AssertionError
    ├── NotContained        a policy failed: a check was violated
    └── Inconclusive        too little evidence for PASS or FAIL
```
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

# What acts on a terminal or hides in text: controls except tab and line feed, marks of direction, invisible and illegal
# characters. Unicode Technical Report 36 and Annex 9 say why.
_ACTS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufdd0-\ufdef\ufeff\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    r"""Return text from elsewhere as it can be printed: what would act on a terminal is shown as `\x1b`, `\u202e`."""
    return _ACTS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class _Told(Exception):
    """An error whose message is printed: it may quote an app, a history or a file."""

    def __init__(self, *args: object) -> None:
        super().__init__(*(visible(one) if isinstance(one, str) else one for one in args))


class TestbedError(_Told):
    """The testbed could not do its work. It is never a verdict on the system under test."""

    __test__ = False


class TopologyError(TestbedError):
    """An invalid topology. The message names file, line, field and the nearest valid choice."""


class FaultError(TestbedError):
    """A fault that cannot be injected as written: wrong target, scope, value or combination."""


class CheckError(TestbedError):
    """A check that cannot be evaluated as written: wrong edge, bound or population."""


class LoadError(TestbedError):
    """A load that cannot be sent as written: wrong request, rate, users or cohorts."""


class Unavailable(TestbedError):
    """A binary, package or privilege is missing. The message says how to get it."""


class Unsupported(Unavailable):
    """This kernel, user or runtime cannot do it. Inside a test, pytest skips the test and shows the reason.

    `lacks` is the name of the missing tool in testbed/runtime/tools/tools.toml, "" if that file does not list it.
    """

    def __init__(self, message: str, lacks: str = "") -> None:
        super().__init__(message)
        self.lacks = lacks


class NotContained(_Told, AssertionError):
    """At least one check was violated: a policy did not contain the failure."""


class Inconclusive(_Told, AssertionError):
    """No check was violated, but at least one lacks evidence. The message says how much would be enough."""


def nearest(name: str, valid: Iterable[str]) -> str:
    """Return a hint such as `` (did you mean 'pricing'?)`` or `` (valid: a, b)``, ready to append."""
    choices = sorted(set(valid))
    close = difflib.get_close_matches(str(name), choices, n=1, cutoff=0.6)
    if close:
        return f" (did you mean {close[0]!r}?)"
    return f" (valid: {', '.join(choices)})" if choices else ""
