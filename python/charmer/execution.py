"""Runs one command after the other, and makes the frames that answer.

What can be known beforehand of a command is known (`charmer.commands`); most
calls take the short way through `execute`. Streams and coroutines branch off to
`special`.

Threading: an executor belongs to the one thread that runs its commands.
"""

from __future__ import annotations

import inspect
import os
import sys
import traceback
from typing import Any, Coroutine, NoReturn, Optional, Union

from charmer import commands
from charmer.cancellation import Cancelled, clock
from charmer.channel import CHUNK, Large
from charmer.context import Running, running
from charmer.conversation import Conversation, awaited
from charmer.failures import failure
from charmer.frames import raw_result
from charmer.payloads import BadArguments, BadResult, Encoder, TooLarge, decode
from charmer.progress import Slot
from charmer.streams import Collection, Stream, collect, collect_async
from charmer.streams import pump, pump_async
from charmer.wire import frames_pb2 as wire

LINGER = 1_000_000  # ns that an answer may wait for others to join it
UNHURRIED = 32  # quick runs in a row, until a command counts as quick again

Kind = wire.Failure
set_running = running.set


class Executor:
    """Runs commands in one thread."""

    def __init__(self, conversation: Conversation, slot: Slot) -> None:
        self.conversation = conversation
        self.commands = conversation.commands
        self.slot = slot
        self.limit = conversation.limit
        self.encoder = Encoder(self.limit)
        self.ended = 0  # when the last command returned
        self.renew_reply()

    def flush(self) -> None:
        """Called before a command that may take long."""

    def execute(self, call: wire.Call, received: int) -> Union[bytes, Large]:
        """Runs the command. Returns the frame that answers the call."""
        id: int = call.id
        command = self.commands.get(call.command)
        if command is None:
            text = commands.unknown(call.command, self.commands)
            return failure(id, Kind.UNKNOWN_COMMAND, text, self.limit)
        try:
            positional, named = decode(call.arguments)
        except BadArguments as error:
            return failure(id, Kind.BAD_ARGUMENTS, str(error), self.limit)
        if command.unhurried:
            self.flush()
        slot = self.slot
        if not slot.begin(id):
            text = "cancelled before it began"
            return failure(id, Kind.CANCELLED, text, self.limit)
        conversation = self.conversation
        session = call.session
        if session:
            conversation.sessions.enter(session)
        now = Running(call, received, conversation)
        set_running(now)
        started = clock()
        try:
            value = command.function(*positional, **named)
            if command.special or call.stream:
                frame = self.special(value, started)
            else:
                self.ended = ended = clock()
                frame = self.result(id, value, ended - started)
        except BaseException as error:
            self.ended = clock()
            if conversation.forked:
                leave_fork(error)
            frame = self.raised(id, command, error, self.ended - started)
        if conversation.forked:
            leave_fork(None)
        now.over = True
        slot.finish()
        if session:
            conversation.sessions.leave(session)
        if self.ended - started > LINGER:
            command.unhurried = UNHURRIED
        elif command.unhurried:
            command.unhurried -= 1
        return frame

    # -- streams and coroutines ------------------------------------------------

    def special(self, value: Any, started: int) -> Union[bytes, Large]:
        """What is not over when the function has returned, or a stream."""
        now = running.get()
        assert now is not None
        call = now.call
        try:
            if call.stream:
                return self.streamed(value, now, started)
            if yields(value):
                data = self.collected(value, now)
                self.ended = clock()
                frame = wire.Frame()
                frame.result.id = call.id
                frame.result.value.json = data
                frame.result.elapsed_ns = self.ended - started
                return self.checked(frame)
            value = self.conversation.run(as_coroutine(value), call.id)
            self.ended = clock()
            return self.result(call.id, value, self.ended - started)
        except BadResult as error:
            return self.refused(call.id, Kind.BAD_RESULT, error, started)
        except TooLarge as error:
            return self.refused(call.id, Kind.TOO_LARGE, error, started)

    def streamed(self, value: Any, now: Running, started: int) -> bytes:
        """Sends the chunks; returns the End."""
        conversation = self.conversation
        stream = Stream(now, self.encoder)
        conversation.open_stream(stream)
        try:
            while inspect.isawaitable(value):  # which may return another one
                value = conversation.run(as_coroutine(value), stream.id)
            if hasattr(value, "__anext__"):
                conversation.run(pump_async(stream, value), stream.id)
            elif hasattr(value, "__next__"):
                pump(stream, value)
            else:
                stream.wait()
                stream.send(value)
        finally:
            conversation.streams.pop(stream.id, None)
        self.ended = clock()
        end = wire.Frame()
        end.end.id = stream.id
        end.end.chunks = stream.number
        end.end.elapsed_ns = self.ended - started
        frame: bytes = end.SerializeToString()
        return frame

    def collected(self, value: Any, now: Running) -> bytes:
        """The list of what a generator yields, as JSON."""
        into = Collection(now, self.encoder)
        if not hasattr(value, "__anext__"):
            return collect(into, value)
        work = collect_async(into, value)
        data: bytes = self.conversation.run(work, now.call.id)
        return data

    # -- frames ----------------------------------------------------------------

    def result(
        self, id: int, value: object, elapsed: int
    ) -> Union[bytes, Large]:
        """The frame of a result, or of the failure to encode it."""
        if type(value) is bytes and len(value) > CHUNK:
            return self.large_result(id, value, elapsed)
        # One message is filled again and again, a third of the cost of making
        # one. Renewed now and then, because what it has held it may keep.
        # (Partial: proto3 has no required fields that could be missing.)
        try:
            self.encoder.put(self.payload, value)
            self.answered.id = id
            self.answered.elapsed_ns = elapsed
            frame: bytes = self.reply.SerializePartialToString()
            if len(frame) > self.limit:
                raise TooLarge(len(frame), self.limit)
            self.reply_bytes += len(frame)
            if self.reply_bytes > CHUNK:
                self.renew_reply()
            return frame
        except BadResult as error:
            if not (inspect.isawaitable(value) or yields(value)):
                text = str(error)
                return failure(id, Kind.BAD_RESULT, text, self.limit, elapsed)
        except TooLarge as error:
            return failure(id, Kind.TOO_LARGE, str(error), self.limit, elapsed)
        except BaseException as error:
            return failure(id, Kind.BAD_RESULT, error, self.limit, elapsed)
        # A decorator around it has hidden that the command is special.
        return self.special(value, self.ended - elapsed)

    def large_result(
        self, id: int, value: bytes, elapsed: int
    ) -> Union[bytes, Large]:
        """The same of many bytes, which are not copied."""
        frame = raw_result(id, value, elapsed)
        size = len(frame.head) + len(value)
        if size <= self.limit:
            return frame
        error = str(TooLarge(size, self.limit))
        return failure(id, Kind.TOO_LARGE, error, self.limit, elapsed)

    def checked(self, frame: wire.Frame) -> bytes:
        """The bytes of a frame. Raises TooLarge."""
        data: bytes = frame.SerializeToString()
        if len(data) > self.limit:
            raise TooLarge(len(data), self.limit)
        return data

    def renew_reply(self) -> None:
        """A new message for the results to come."""
        self.reply = wire.Frame()
        self.answered = self.reply.result
        self.payload = self.answered.value
        self.reply_bytes = 0

    def refused(
        self, id: int, kind: Kind.Kind, error: Exception, started: int
    ) -> bytes:
        """The frame of a result, or a chunk, that cannot be sent."""
        self.ended = clock()
        return failure(id, kind, str(error), self.limit, self.ended - started)

    def raised(
        self,
        id: int,
        command: commands.Command,
        error: BaseException,
        elapsed: int,
    ) -> bytes:
        """The frame of a failure. A TypeError whose traceback ends in
        `execute`, in the call itself, says that the arguments do not fit."""
        if (
            type(error) is TypeError
            and error.__traceback__ is not None
            and error.__traceback__.tb_next is None
        ):
            text = f"{error}; it is {command.name}{command.signature}"
            return failure(id, Kind.BAD_ARGUMENTS, text, self.limit, elapsed)
        kind = Kind.CANCELLED if self.cancelled(id, error) else Kind.EXCEPTION
        return failure(id, kind, error, self.limit, elapsed)

    def cancelled(self, id: int, error: BaseException) -> bool:
        """Whether it ended because nobody wants it. A task, or a client, of
        the command's own that was cancelled is a failure as any other."""
        if not (isinstance(error, Cancelled) or is_asyncio_cancelled(error)):
            return False
        if self.conversation.closed or self.conversation.cancels.has(id):
            return True
        now = running.get()
        until = None if now is None else now.deadline()
        return until is not None and clock() >= until


def as_coroutine(value: Any) -> Coroutine[Any, Any, Any]:
    """As a coroutine, what compiled code or a client library calls one."""
    return value if inspect.iscoroutine(value) else awaited(value)


def yields(value: object) -> bool:
    """Whether a call can collect it and a stream can send it: a generator, or
    any other iterator."""
    return hasattr(value, "__next__") or hasattr(value, "__anext__")


def is_asyncio_cancelled(error: BaseException) -> bool:
    """Whether it is asyncio's CancelledError, without importing that."""
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and isinstance(error, asyncio.CancelledError)


def leave_fork(error: Optional[BaseException]) -> NoReturn:
    """The end of a forked child that came back from the command."""
    status = 0
    if isinstance(error, SystemExit) and isinstance(error.code, int):
        status = error.code
    elif error is not None:
        traceback.print_exception(type(error), error, error.__traceback__)
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
