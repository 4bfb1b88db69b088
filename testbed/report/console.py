"""Rich's tables as text: a console that writes into memory."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

from testbed.errors import visible

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text


def in_memory(width: int, *, colour: bool = False) -> Console:
    """Return a console of this many columns, with ANSI colours or without, independent of the environment."""
    from rich.console import Console

    return Console(
        file=StringIO(), width=width, force_terminal=colour, no_color=not colour, legacy_windows=False, highlight=False
    )


def text_of(console: Console) -> str:
    """Return the text printed to a console in memory, without white space at the ends of lines."""
    assert isinstance(console.file, StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())


def plain(text: str, style: str = "") -> Text:
    """Return text that rich must not read as markup, and a terminal not as commands: policies hold square brackets."""
    from rich.text import Text

    return Text(visible(text), style)
