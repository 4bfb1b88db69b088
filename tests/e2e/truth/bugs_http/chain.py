"""front -> mid -> leaf. Argument: the service that is called.

/insists   tries three times, at each service
/patient   waits 1 s for the leaf before the stored answer, longer than its caller waits; /in-time 0.2 s
"""

import sys

from small import FAILURES, ask, serve

BELOW = sys.argv[1]


def answer(path, headers):
    limit = {"/patient": 1, "/in-time": 0.2}.get(path, 5) if BELOW == "leaf" else 5
    for _ in range(3 if path == "/insists" else 1):
        try:
            status, text = ask(BELOW, path, headers, timeout=limit)
        except FAILURES:
            status, text = 503, "no answer"
        if status == 200:
            return text
    return "old" if BELOW == "leaf" and path in ("/patient", "/in-time") else (503, text)


serve(answer)
