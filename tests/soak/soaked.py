"""What the soak calls: commands that work, fail, leak, hang and die."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from typing import AsyncIterator, Iterator, List

import charmer


class Soaked(charmer.ThreadSafeAdapter):
    def setup(self) -> None:
        self.leaked: List[bytearray] = []

    @charmer.command(idempotent=True)
    def add(self, a: int, b: int) -> int:
        return a + b

    @charmer.command
    def echo(self, data: bytes) -> bytes:
        return data

    @charmer.command
    def wait(self, seconds: float) -> float:
        time.sleep(seconds)
        return seconds

    @charmer.command
    async def later(self, x: int) -> int:
        await asyncio.sleep(0.002)
        return x

    @charmer.command
    def count(self, to: int) -> Iterator[int]:
        yield from range(to)

    @charmer.command
    async def count_later(self, to: int) -> AsyncIterator[int]:
        for i in range(to):
            await asyncio.sleep(0)
            yield i

    @charmer.command
    def remember(self) -> int:
        """How often its session was here."""
        session = charmer.session()
        assert session is not None
        with self.lock:
            session["times"] = session.get("times", 0) + 1
            times: int = session["times"]
        return times

    @charmer.command
    def ask(self, x: int) -> object:
        return charmer.host.call("twice", {"x": x})

    @charmer.command
    def fail(self, text: str) -> None:
        raise ValueError(text)

    @charmer.command
    def unencodable(self) -> object:
        return {1, 2, 3}

    @charmer.command
    def leak(self, bytes: int) -> int:
        """Never gives it back."""
        self.leaked.append(bytearray(os.urandom(1) * bytes))
        return len(self.leaked)

    @charmer.command
    def hang(self) -> None:
        """Does not look whether it is still wanted."""
        while True:
            time.sleep(3600)

    @charmer.command
    def obey(self) -> str:
        """Does."""
        while not charmer.cancelled():
            time.sleep(0.001)
        return "gave up"

    @charmer.command
    def die(self, how: str) -> None:
        if how == "exit":
            os._exit(3)
        os.kill(os.getpid(), signal.SIGKILL)
