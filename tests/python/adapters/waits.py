"""Commands that wait for ever, each in its own way."""

import asyncio
import os
import signal
import time

thread_safe = True


async def innermost() -> None:
    await asyncio.sleep(600)


async def between() -> None:
    await innermost()


async def waits() -> None:
    await between()


async def gathers() -> None:
    await asyncio.gather(innermost(), innermost())


async def with_timeout() -> None:
    await asyncio.wait_for(innermost(), 600)


async def thousand() -> None:
    await asyncio.gather(*[innermost() for _ in range(1000)])


async def generator():
    await innermost()
    yield 1


async def from_generator() -> None:
    async for _ in generator():
        pass


class Awaited:
    def __await__(self):
        return (yield from innermost().__await__())


async def by_hand() -> None:
    await Awaited()


async def blocks() -> None:
    time.sleep(600)


def sleeps(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def leaves_a_line(text: str) -> None:
    os.write(2, text.encode())
    time.sleep(600)


def plain(x):
    return x


def unblocks() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    time.sleep(600)
