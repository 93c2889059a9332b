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
are refused.

Threading: a worker of the process profile runs one command at a time, all in
the main thread.
"""

from charmer.adapter import Adapter, command
from charmer.progress import cancelled

__all__ = ["Adapter", "cancelled", "command"]
