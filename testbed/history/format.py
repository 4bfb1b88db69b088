"""The lines of a history file: its first line, one line for each event, and the markers of a journal."""

from __future__ import annotations

import json
from typing import get_args

from testbed.history.codec import Codec
from testbed.history.events import Event, Evidence

CODEC: Codec[Event] = Codec(get_args(Event))
FIRST_LINE = json.dumps({"type": "history", "version": 1})  # the version of the file format

UNFINISHED = Evidence("history", complete=False, missing="the run has not ended")

# A journal has OPENED as its second line and CLOSED as its last one. Both are plain events, so that an
# older reader can read a journal. A history that was written in one piece has neither.
OPENED = CODEC.encode(UNFINISHED)
CLOSED = CODEC.encode(Evidence("history", complete=True))
