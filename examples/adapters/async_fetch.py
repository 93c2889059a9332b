"""Coroutines: many things waited for at once, on one event loop.

    { "pools": [ { "name": "default", "profile": "thread",
                   "threads_per_worker": 16,
                   "adapter": "async_fetch:Fetcher" } ] }

In the thread profile so many calls of one worker overlap as it has threads; in
the process profile they run one by one, and each may still wait for many things
at once. All of them run on the same loop, so what they share needs no lock as
long as no `await` stands between reading and writing it.
"""

from __future__ import annotations

import asyncio
from typing import AsyncIterator, Dict, List

import charmer


async def head_of(host: str, port: int) -> str:
    """The first line that a server says to a HEAD request."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(f"HEAD / HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
        await writer.drain()
        return (await reader.readline()).decode("latin-1").strip()
    finally:
        writer.close()


class Fetcher(charmer.ThreadSafeAdapter):
    """A call that is cancelled, or whose time is over, ends at its `await`."""

    def __init__(self, at_once: int = 100) -> None:
        self.at_once = at_once
        self.fetched = 0

    @charmer.command
    async def head(self, host: str, port: int = 80) -> str:
        """One server."""
        line = await head_of(host, port)
        self.fetched += 1
        return line

    @charmer.command
    async def heads(self, ports: List[int]) -> Dict[str, str]:
        """Several, at the same time."""
        limit = asyncio.Semaphore(self.at_once)

        async def one(port: int) -> str:
            async with limit:
                return await self.head("127.0.0.1", port)

        lines = await asyncio.gather(*(one(port) for port in ports))
        return {str(port): line for port, line in zip(ports, lines)}

    @charmer.command
    async def as_they_come(self, ports: List[int]) -> AsyncIterator[str]:
        """An async generator streams: each answer as soon as it is there."""
        heads = [self.head("127.0.0.1", port) for port in ports]
        tasks = [asyncio.ensure_future(head) for head in heads]
        try:
            for done in asyncio.as_completed(tasks):
                yield await done
        finally:
            for task in tasks:
                task.cancel()

    @charmer.command
    async def total(self, items: List[str]) -> float:
        """Asks the application for all prices at once."""
        asked = [charmer.host.call_async("price_of", [x]) for x in items]
        return sum(await asyncio.gather(*asked))
