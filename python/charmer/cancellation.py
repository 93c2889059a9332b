"""Calls that are no longer wanted, and the time that they have.

A call is cancelled when its caller gives up or its deadline passes, and it is
the host that says so: `deadline` and `time_left` tell what it will go by. Nothing
is done to a running command: it is told, and gives up by itself. What does not do
so within the grace of its pool is replaced, process and all. Waiting for the
host (`charmer.host.call`, the credit of a stream) and every `await` end by
themselves.

    for row in rows:
        charmer.check_cancelled()       # raises charmer.Cancelled
        work(row)

Threading: any thread. Outside a worker nothing is ever cancelled.
"""

from __future__ import annotations

import time
from typing import Optional

from charmer.context import running

clock = time.perf_counter_ns
"""Of everything that is measured in a worker. On Linux it is the clock of
`time.monotonic`, so deadlines can be compared with that."""


class Cancelled(BaseException):
    """The running call is no longer wanted. No `Exception`, so that a loop
    which tries again after errors does not swallow it. Raised by a command that
    is wanted all the same, it is a failure as any other."""


def cancelled() -> bool:
    """Whether the running call has been cancelled: its caller gave up, or its
    deadline has passed. A command that takes long asks now and then and
    returns early; the worker is replaced if it does not within the grace.
    Costs a fraction of a microsecond. Outside a worker it is False.

        for row in rows:
            if charmer.cancelled():
                return None
            work(row)
    """
    now = running.get()
    return now is not None and now.conversation.is_cancelled(now)


def check_cancelled() -> None:
    """Raises `charmer.Cancelled` if the running call has been cancelled."""
    if cancelled():
        raise Cancelled("the call was cancelled, or its deadline has passed")


def deadline() -> Optional[float]:
    """Until when the caller waits, in seconds of `time.monotonic()`. None: for
    ever, or nothing runs here, as in a task that a command has left behind."""
    now = running.get()
    until = None if now is None else now.deadline()
    return None if until is None else until / 1e9


def time_left() -> Optional[float]:
    """How many seconds the caller still waits: what to give to a library that
    takes a timeout. Never below 0. None: for ever.

        requests.get(url, timeout=charmer.time_left())
    """
    until = deadline()
    return None if until is None else max(0.0, until - clock() / 1e9)
