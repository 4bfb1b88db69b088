"""What can go wrong, by whose fault it is: ours, the user's input, or the system under test.

```
Exception
├── TestbedError            our trouble or bad input: pytest reports ERROR, nothing is left running
│   ├── TopologyError       a topology that cannot be used (file, line, field, nearest valid name)
│   ├── FaultError          a fault that cannot be injected as written
│   ├── CheckError          a check that cannot be judged as written
│   └── Unavailable         a binary that this machine lacks
│       └── Unsupported     a kernel, a privilege or an engine that lacks something: the test is skipped
└── AssertionError
    ├── NotContained        a policy failed: a check was violated
    └── Inconclusive        too little evidence to say either way
```
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class TestbedError(Exception):
    """The testbed itself could not do what was asked; never a verdict on the system under test."""

    __test__ = False


class TopologyError(TestbedError):
    """A topology that cannot be used; the message names file, line, field and the nearest valid choice."""


class FaultError(TestbedError):
    """A fault that cannot be injected as written: wrong target, scope, value or combination."""


class CheckError(TestbedError):
    """A check that cannot be judged as written: wrong edge, bound or population."""


class Unavailable(TestbedError):
    """A binary, package or privilege is missing; the message says how to get it."""


class Unsupported(Unavailable):
    """This kernel, user or runtime cannot do it; inside a test, pytest skips the test and shows the reason.

    `lacks` names what is missing as testbed/runtime/tools/tools.toml does, "" if that lists no such thing.
    """

    def __init__(self, message: str, lacks: str = "") -> None:
        super().__init__(message)
        self.lacks = lacks


class NotContained(AssertionError):
    """At least one check was violated: a policy did not contain the failure."""


class Inconclusive(AssertionError):
    """No check was violated, but at least one could not be proved; the message says what would suffice."""


def nearest(name: str, valid: Iterable[str]) -> str:
    """Return a hint such as `` (did you mean 'pricing'?)`` or `` (valid: a, b)``, ready to append."""
    choices = sorted(set(valid))
    close = difflib.get_close_matches(name, choices, n=1, cutoff=0.6)
    if close:
        return f" (did you mean {close[0]!r}?)"
    return f" (valid: {', '.join(choices)})" if choices else ""
