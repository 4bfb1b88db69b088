"""Each path is one way to call stock, reports or offers: the first of each pair has the bug, the second has not.

/never-closes, /closes    a circuit breaker that opens after three failures in all
/one-for-all, /one-each   one breaker for all tenants, or one for each
/stale-for-ever, /stale   a stored answer when stock fails
/leaks, /gives-back       six slots for calls to stock
/shared, /bulkhead        four workers for reports and offers; with the bulkhead reports get three of them
/twice, /once             a POST to stock that charges money
"""

import threading
import time

from small import FAILURES, ask, serve

failed, opened, slots, workers, three, broken = {}, {}, {}, None, None, set()


def reset():
    global workers, three
    for one in (failed, opened, broken):
        one.clear()
    slots.update({path: threading.Semaphore(6) for path in ("/leaks", "/gives-back")})
    workers, three = threading.Semaphore(4), threading.Semaphore(3)


def good(name, headers, method="GET"):
    try:
        status, text = ask(name, "/", headers, method=method, timeout=0.8)
    except FAILURES as error:
        raise OSError(repr(error)) from error
    if status != 200:
        raise OSError(f"{name} answered {status}")
    return text


def with_breaker(path, headers):
    key = path, headers.get("x-cohort") if path == "/one-each" else ""
    if key in opened and (path == "/never-closes" or time.monotonic() - opened[key] < 0.3):
        return 503, "open"
    try:
        text = good("stock", headers)
    except OSError:
        failed[key] = failed.get(key, 0) + 1
        if failed[key] >= 3:
            opened[key] = time.monotonic()
        raise
    opened.pop(key, None)
    return text


def with_stored_answer(path, headers):
    try:
        return "old" if path in broken else good("stock", headers)
    except OSError:
        if path == "/stale-for-ever":
            broken.add(path)
        return "old"


def with_slots(path, headers):
    if not slots[path].acquire(timeout=0.2):
        return 503, "no slot"
    text = "new"
    try:
        text = good("stock", headers)
    except OSError:
        if path == "/leaks":
            raise
        slots[path].release()
        raise
    slots[path].release()
    return text


def with_workers(path, headers):
    slow = headers.get("x-cohort") == "reports"
    if slow and path == "/bulkhead" and not three.acquire(blocking=False):
        return 503, "busy"
    try:
        with workers:
            return good("reports" if slow else "offers", headers)
    finally:
        if slow and path == "/bulkhead":
            three.release()


def with_charge(path, headers):
    try:
        return good("stock", headers, method="POST")
    except OSError:
        if path == "/once":
            raise
        return good("stock", headers, method="POST")


WAYS = {
    ("/never-closes", "/closes", "/one-for-all", "/one-each"): with_breaker,
    ("/stale-for-ever", "/stale"): with_stored_answer,
    ("/leaks", "/gives-back"): with_slots,
    ("/shared", "/bulkhead"): with_workers,
    ("/twice", "/once"): with_charge,
}


def answer(path, headers):
    if path == "/reset":
        return reset() or "done"
    return next(way for paths, way in WAYS.items() if path in paths)(path, headers)


reset()
serve(answer)
