"""Every kind of command that there is, one short example each.

    { "pools": [ { "name": "default", "adapter": "showcase:Showcase",
                   "adapter_options": { "greeting": "Hello" } } ] }

    charmer call -c pools.json greet '{"name": "Ada"}'
"""

from __future__ import annotations

import logging
import time
from typing import Any, Dict, Iterator, List, Optional

import charmer

log = logging.getLogger(__name__)


class Showcase(charmer.Adapter):
    """The options of the pool are the arguments of the constructor."""

    def __init__(self, greeting: str = "Hi") -> None:
        self.greeting = greeting

    def setup(self) -> None:
        """Once in each worker, before the first call."""
        self.started = time.monotonic()

    def teardown(self) -> None:
        """Once, after the last call; not after a kill."""
        log.info("served for %.1f s", time.monotonic() - self.started)

    def health_check(self) -> bool:
        """What the built-in command health_check asks."""
        return True

    # -- arguments and results

    @charmer.command
    def greet(self, name: str) -> str:
        """By name from {"name": "Ada"}, by position from ["Ada"]."""
        return f"{self.greeting}, {name}!"

    @charmer.command
    def reverse(self, data: bytes) -> bytes:
        """Bytes travel as bytes."""
        return data[::-1]

    @charmer.command(idempotent=True)
    def add(self, a: float, b: float) -> float:
        """May run twice: it is tried again when its worker dies."""
        return a + b

    @charmer.command(name="divide-by")
    def divide(self, a: float, b: float) -> float:
        """Has another name for callers. An error reaches them with its type,
        text and traceback, and the worker goes on."""
        if b == 0:
            raise ValueError("cannot divide by nothing")
        return a / b

    # -- streams

    @charmer.command
    def count(self, to: int) -> Iterator[int]:
        """A generator streams; it is advanced as fast as the caller takes."""
        yield from range(to)

    # -- long work

    @charmer.command
    def primes(self, below: int) -> List[int]:
        """Takes long, and so asks now and then whether it is still wanted."""
        found: List[int] = []
        for n in range(2, below):
            if n % 1000 == 0:
                charmer.check_cancelled()
            if all(n % p for p in found if p * p <= n):
                found.append(n)
        return found

    @charmer.command
    def patience(self) -> Optional[float]:
        """How many seconds the caller still waits; None: for ever."""
        return charmer.time_left()

    # -- what is told, remembered, asked

    @charmer.command
    def work(self, rows: int) -> int:
        """Logs and measures; both carry the caller's correlation id."""
        with charmer.telemetry.span("showcase.work") as measured:
            log.info("working on %d rows", rows)
            measured["rows"] = rows
        return rows

    @charmer.command
    def visits(self) -> Dict[str, Any]:
        """Remembers for the session of the call, on this worker."""
        session = charmer.session()
        if session is None:
            return {"session": None}
        session["visits"] = session.get("visits", 0) + 1
        return {"session": session.name, "visits": session["visits"]}

    @charmer.command
    def total(self, items: List[str]) -> float:
        """Asks the application, which has registered `price_of`."""
        prices: List[float] = [
            charmer.host.call("price_of", [item]) for item in items
        ]
        return sum(prices)
