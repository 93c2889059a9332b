"""Streams: the values of a generator, one Chunk frame each, then an End.

A call that wants a stream (Call.stream) grants credit: so many chunks may be
sent, until further Credit comes. A generator is not advanced before there is
credit for what it will yield; so a consumer that is slow, or gone, stops it.
A Cancel ends it early: it is closed where it stands, its `finally` blocks run.

What is asked for as a stream and is none (a command that returns a value)
arrives as one chunk. The other way round, a generator that is called for one
answer is collected into a list, up to max_frame_bytes.

Threading: a stream is sent by one thread or task; any may grant it credit.
"""

from __future__ import annotations

from typing import Any, AsyncIterator, Callable, Iterator, List

from charmer.cancellation import Cancelled
from charmer.context import Running
from charmer.payloads import BadResult, Encoder, TooLarge
from charmer.wire import frames_pb2 as wire


class Stream:
    """The chunks of one call on their way to the host."""

    def __init__(self, running: Running, encoder: Encoder) -> None:
        self.running = running
        self.conversation = running.conversation
        self.encoder = encoder
        self.id: int = running.call.id
        self.granted: int = running.call.credit
        self.number = 0  # of chunks sent
        self.on_grant: Callable[[], None] = nothing

    def grant(self, chunks: int) -> None:
        """The host takes so many more. REQUIRES: the lock `news`, since who
        opens a stream has what came early, while another reads what comes."""
        self.granted += chunks
        self.on_grant()

    def settled(self) -> bool:
        """Whether there is nothing to wait for: a chunk may be sent, or none
        is wanted any more."""
        return self.number < self.granted or self.is_over()

    def is_over(self) -> bool:
        """Whether nobody wants the rest."""
        now = self.running
        return self.conversation.closed or self.conversation.is_cancelled(now)

    def wait(self) -> None:
        """Waits for credit. Raises Cancelled."""
        if self.number >= self.granted:
            until = self.running.patience()
            self.conversation.wait(self.settled, until)
        self.check()

    async def wait_async(self) -> None:
        """The same within the event loop."""
        import asyncio

        loop = asyncio.get_running_loop()
        while not self.settled():
            granted: asyncio.Future[None] = loop.create_future()

            def settle(granted: asyncio.Future[None] = granted) -> None:
                if not granted.done():
                    granted.set_result(None)

            self.on_grant = lambda: self.conversation.soon(settle)
            if not self.settled():
                await granted
        self.check()

    def check(self) -> None:
        """Raises Cancelled if nobody wants the rest."""
        if self.conversation.is_cancelled(self.running):
            raise Cancelled("the stream is no longer wanted")
        if self.number >= self.granted:
            raise Cancelled("the stream's consumer is gone")

    def send(self, value: Any) -> None:
        """Sends one chunk, now. Raises BadResult, TooLarge."""
        frame = wire.Frame()
        chunk = frame.chunk
        chunk.id = self.id
        chunk.number = self.number
        self.encoder.put(chunk.value, value)
        data: bytes = frame.SerializeToString()
        if len(data) > self.conversation.limit:
            raise TooLarge(len(data), self.conversation.limit)
        self.conversation.sender.send_frame(data)
        self.number += 1


# -- what commands yield -------------------------------------------------------


def pump(stream: Stream, values: Iterator[Any]) -> None:
    """Sends all values of a generator, each when there is credit for it."""
    try:
        while True:
            stream.wait()
            try:
                value = next(values)
            except StopIteration:
                return
            stream.send(value)
    finally:
        close(values)


async def pump_async(stream: Stream, values: AsyncIterator[Any]) -> None:
    """The same of an async generator. All of it is one task."""
    try:
        while True:
            await stream.wait_async()
            try:
                value = await values.__anext__()
            except StopAsyncIteration:
                return
            stream.send(value)
    finally:
        await close_async(values)


class Collection:
    """The values of a generator that nobody wants as a stream."""

    def __init__(self, running: Running, encoder: Encoder) -> None:
        self.running = running
        self.encoder = encoder
        self.parts: List[bytes] = []
        self.size = 2

    def add(self, value: Any) -> None:
        """Encodes one. Raises BadResult, TooLarge, Cancelled."""
        try:
            part = self.encoder.json(value)
        except BadResult as error:
            raise BadResult(
                f"of chunk {len(self.parts)}, {error} (collected into a list, "
                "because the caller did not ask for a stream)"
            ) from None
        self.size += len(part) + 1
        if self.size > self.encoder.limit:
            raise TooLarge(self.size, self.encoder.limit)
        self.parts.append(part)
        if self.running.conversation.is_cancelled(self.running):
            raise Cancelled("the call is no longer wanted")

    def encoded(self) -> bytes:
        """The list, as JSON."""
        return b"[" + b",".join(self.parts) + b"]"


def collect(into: Collection, values: Iterator[Any]) -> bytes:
    """All values of a generator as one JSON list."""
    try:
        for value in values:
            into.add(value)
    finally:
        close(values)
    return into.encoded()


async def collect_async(into: Collection, values: AsyncIterator[Any]) -> bytes:
    """The same of an async generator."""
    try:
        async for value in values:
            into.add(value)
    finally:
        await close_async(values)
    return into.encoded()


def close(values: Any) -> None:
    """Ends a generator where it stands; other iterators have no such thing."""
    end = getattr(values, "close", None)
    if end is not None:
        end()


async def close_async(values: Any) -> None:
    """The same of an async generator."""
    end = getattr(values, "aclose", None)
    if end is not None:
        await end()


def nothing() -> None:
    """Nobody has to be woken."""
