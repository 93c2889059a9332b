"""charmer: Python commands in supervised workers of a C++ application.

An adapter is a class derived from `Adapter`, or a plain module; its commands
are methods or functions:

    import charmer

    class Calculator(charmer.Adapter):
        def setup(self) -> None:        # once in each worker
            self.calls = 0

        @charmer.command
        def add(self, a: int, b: int) -> int:
            self.calls += 1
            return a + b

The settings of the pool name it: `"adapter": "calculator:Calculator"`.

What a command gets: a JSON object by name, a JSON array by position, any other
JSON value, `bytes` or a Protobuf message as the one argument. What it returns:
`bytes` travel as bytes, a Protobuf message as a message, everything else as
JSON, where tuples become lists, and NaN, infinities and keys that are no `str`
are refused. A generator streams; `async def` is awaited.

What a command may ask and do:

    cancelled, check_cancelled, deadline, time_left    charmer.cancellation
    host.call, host.call_async                         charmer.host
    telemetry.emit, telemetry.span                     charmer.telemetry
    session                                            charmer.sessions

Threading: a worker of the process profile runs one command at a time, all in
the main thread. One of the thread profile runs several at once, each in a
thread; its adapter says that it can (`ThreadSafeAdapter`).
"""

from charmer import host, telemetry
from charmer.adapter import Adapter, ThreadSafeAdapter, command
from charmer.cancellation import Cancelled, cancelled, check_cancelled
from charmer.cancellation import deadline, time_left
from charmer.host import HostError, HostGone, HostTimeout
from charmer.sessions import Session, session

__all__ = [
    "Adapter",
    "Cancelled",
    "HostError",
    "HostGone",
    "HostTimeout",
    "Session",
    "ThreadSafeAdapter",
    "cancelled",
    "check_cancelled",
    "command",
    "deadline",
    "host",
    "session",
    "telemetry",
    "time_left",
]
