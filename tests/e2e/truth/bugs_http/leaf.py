"""Answers 200 to everything after WORK_MS."""

import os
import time

from small import serve


def answer(path, headers):
    time.sleep(float(os.environ.get("WORK_MS", "0")) / 1000)
    return "new"


serve(answer)
