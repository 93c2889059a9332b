"""A wall clock that jumps by an hour, back and forth, whenever it is read."""

import itertools
import logging
import time
from datetime import datetime

import charmer

real = time.time
jumps = itertools.cycle([3600.0, -3600.0, 86400.0, 0.0])
time.time = lambda: real() + next(jumps)
time.time_ns = lambda: int(time.time() * 1e9)

thread_safe = True


def length(text: str) -> int:
    return len(text)


def times() -> list:
    """What is left, twice, and how much time has really passed between."""
    first, began = charmer.time_left(), time.monotonic()
    logging.getLogger("clock").info("it is %s", datetime.now())
    with charmer.telemetry.span("waiting"):
        time.sleep(0.05)
    return [first, charmer.time_left(), time.monotonic() - began]


def remembers(text: str) -> list:
    said = charmer.session().setdefault("said", [])
    said.append(text)
    return said


def asks(timeout: float) -> float:
    began = time.monotonic()
    try:
        charmer.host.call("nobody answers", timeout=timeout)
    except charmer.HostTimeout:
        pass
    return time.monotonic() - began


async def asks_async(timeout: float) -> float:
    began = time.monotonic()
    try:
        await charmer.host.call_async("nobody answers", timeout=timeout)
    except charmer.HostTimeout:
        pass
    return time.monotonic() - began
