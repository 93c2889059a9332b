"""The conversation of a worker with its host, once it serves.

Two kinds of it there are: `charmer.serial` for the process profile, where one
thread reads, runs and answers, and `charmer.threads` for the thread profile.
Here is what both have: who waits for what, and where the frames go that are no
calls.

Threading: any thread may send, wait and ask; who reads, the kinds say.
"""

from __future__ import annotations

import inspect
import logging
import os
import select
import threading
from typing import TYPE_CHECKING, Any, Awaitable, Callable, Coroutine, Dict
from typing import List, Optional, Tuple

from charmer.adapter import Adapter
from charmer.cancellation import clock
from charmer.channel import Bytes, Receiver, Sender
from charmer.commands import Commands
from charmer.context import Running, correlation, running
from charmer.descriptors import wake_pipe
from charmer.options import Options
from charmer.progress import Cancellations, Words
from charmer.questions import Question, Questions
from charmer.sessions import Sessions
from charmer.telemetry import Filter
from charmer.texts import call_name, clean
from charmer.wire import frames_pb2 as wire

if TYPE_CHECKING:
    import asyncio

    from charmer.streams import Stream


class Stopped(Exception):
    """SIGTERM came while there was nothing to do."""


class Conversation:
    """What the commands of a worker share. See `Serial` and `Threads`."""

    def __init__(
        self,
        receiver: Receiver,
        sender: Sender,
        words: Words,
        options: Options,
        limit: int,
    ) -> None:
        self.receiver = receiver
        self.sender = sender
        self.words = words
        self.cancels = Cancellations(words)
        self.options = options
        self.limit = limit
        self.adapter: Optional[Adapter] = None
        self.commands: Commands = {}
        # -- what commands ask for
        self.filter = Filter(options)
        self.sessions = Sessions(options.session_ttl, options.max_sessions)
        self.questions = Questions()
        self.streams: Dict[int, Stream] = {}
        self.early: Dict[int, int] = {}  # credit for those not yet begun
        self.tasks: Dict[int, asyncio.Task[Any]] = {}
        self.loop: Optional[asyncio.AbstractEventLoop] = None
        # -- how it goes on
        self.news = threading.Condition()  # a frame came that is no call
        self.closed = False  # nothing comes any more
        self.stopping = False  # SIGTERM came
        self.forked = False  # this is a child that a command has forked
        # Written to when who reads is to look up.
        self.awake, self.waker = wake_pipe()
        self.poll = select.poll()
        self.poll.register(receiver.fd, select.POLLIN)
        self.poll.register(self.awake, select.POLLIN)
        # -- whose turn it is to read
        self.turn = threading.Lock()
        self.serving = False  # it is the main thread's, until that has done

    # -- what the kinds do each in their own way -------------------------------

    def begin(self) -> None:
        """Prepares for calls, before Ready. Raises what keeps it from it."""

    def serve(self, frames: List[Bytes]) -> None:
        """Answers calls, these first, until Drain, the end of stdin, or
        SIGTERM, which is Stopped."""
        raise NotImplementedError

    def stop(self) -> None:
        """SIGTERM, in the main thread, between any two steps of it."""
        raise NotImplementedError

    def wait(
        self, ready: Callable[[], bool], until: Optional[int] = None
    ) -> bool:
        """Waits for what a frame of the host makes true. False: it is not, and
        either the time (in ns of the clock) or the conversation is over."""
        raise NotImplementedError

    def read_once(self, seconds: Optional[float]) -> None:
        """Takes what comes in time. REQUIRES: the turn."""
        raise NotImplementedError

    def run(self, work: Coroutine[Any, Any, Any], call: int) -> Any:
        """Runs a coroutine of this call to its end on the one event loop."""
        raise NotImplementedError

    def settled(self, value: Any) -> Any:
        """What a method of the adapter's has returned that is no command; of
        an `async def`, what comes of it on the one event loop."""
        if not inspect.isawaitable(value):
            return value
        now = running.get()
        return self.run(awaited(value), 0 if now is None else now.call.id)

    def rest(self) -> None:
        """After the last command: no further one will begin."""

    def end(self) -> None:
        """Nothing may be left that runs."""

    def state(self) -> Dict[str, Any]:
        """What `health_check` tells of it: threads, commands that run."""
        raise NotImplementedError

    def busy_threads(self) -> List[Tuple[int, int, str]]:
        """Of those that run a call: the thread, the call, its name."""
        return []

    def statistics(self) -> Dict[str, Dict[str, Any]]:
        """What has run so far, by command, where that is counted."""
        return {}

    # -- waiting, and reading for all who wait ---------------------------------

    def wait_turn(
        self, ready: Callable[[], bool], until: Optional[int]
    ) -> bool:
        """Waits, and reads if nobody else does."""
        while not ready():
            left = None if until is None else (until - clock()) / 1e9
            if self.closed or (left is not None and left <= 0):
                return False
            if not self.serving and self.turn.acquire(blocking=False):
                try:
                    # (Who had it before has taken what was to interrupt him.)
                    if not (ready() or self.closed or self.serving):
                        self.read_once(left)
                finally:
                    self.turn.release()
                    self.wake()
            else:
                with self.news:
                    taken = self.serving or self.turn.locked()
                    if taken and not ready() and not self.closed:
                        self.news.wait(left)
        return True

    def wake(self) -> None:
        """The turn is free, or there is news."""
        with self.news:
            self.news.notify_all()

    def interrupt(self) -> None:
        """Has who reads look up. From any thread."""
        try:
            os.write(self.waker, b".")
        except BlockingIOError:
            pass  # there is plenty to read

    def readable(self, happened: List[Tuple[int, int]]) -> bool:
        """Whether, of what `poll` says, there is something of the host's."""
        which = dict(happened)
        if self.awake in which:
            os.read(self.awake, 4096)
        return self.receiver.fd in which

    # -- frames that are no calls ----------------------------------------------

    def route(self, kind: Optional[str], body: Any) -> bool:
        """Takes a frame to those whom it concerns. False: it is one that has
        its place in the order of the calls."""
        if kind == "cancel":
            self.cancel(body.id)
        elif kind == "credit":
            self.credit(body.id, body.chunks)
        elif kind == "host_reply":
            self.questions.settle(body)
        elif kind == "ping":
            pong = wire.Frame(pong=wire.Pong(id=body.id))
            self.sender.send_frame(pong.SerializeToString())
        else:
            return False
        with self.news:
            self.news.notify_all()
        return True

    def credit(self, call: int, chunks: int) -> None:
        """A stream may send more; one that has not begun may so later."""
        with self.news:
            stream = self.streams.get(call)
            if stream is None:
                self.early[call] = self.early.get(call, 0) + chunks
            else:
                stream.grant(chunks)

    def open_stream(self, stream: Stream) -> None:
        """A stream begins, and is to be told of what comes for it."""
        with self.news:
            self.streams[stream.id] = stream
            stream.grant(self.early.pop(stream.id, 0))

    def cancel(self, call: int) -> None:
        """The host no longer wants it. It may run, wait here, or be over."""
        self.cancels.add(call)
        task = self.tasks.get(call)
        if task is not None:
            self.soon(task.cancel)

    def close(self) -> None:
        """Nothing comes any more: those who wait are told."""
        self.closed = True
        for asked in list(self.questions.open.values()):
            asked.on_reply()
        with self.news:
            for stream in list(self.streams.values()):
                stream.grant(0)
            self.news.notify_all()

    def finish(self) -> None:
        """The host is asked no more: those who still wait for it, or read, are
        told. In the main thread, before the adapter is torn down."""
        self.close()
        self.interrupt()

    # -- the running call ------------------------------------------------------

    def is_cancelled(self, now: Running) -> bool:
        """Whether a call that runs is no longer wanted."""
        if self.forked:
            return False
        # The deadline is the host's to judge: who returned early by a clock of
        # its own would be taken at its word.
        return self.cancels.has(now.call.id)

    # -- what commands say -----------------------------------------------------

    def question(
        self, function: str, arguments: Any, timeout: Optional[float]
    ) -> Question:
        """One to the application; see `charmer.host`."""
        return Question(self, function, arguments, timeout)

    def tell(self, name: str, measurements: bytes, metadata: bytes) -> None:
        """Sends an event; see `charmer.telemetry`."""
        event = wire.Telemetry(
            name=clean(name, 256),
            measurements=measurements,
            metadata=metadata,
            correlation=correlation(),
        )
        frame = wire.Frame(telemetry=event).SerializeToString()
        if len(frame) <= self.limit:
            self.sender.send_frame(frame)
        else:
            logging.getLogger("charmer").warning(
                "the event %r takes %d bytes, above max_frame_bytes: not sent",
                name, len(frame),
            )  # fmt: skip

    # -- the event loop --------------------------------------------------------

    def loop_is(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether this is the loop that runs the commands."""
        return loop is self.loop

    def soon(self, callback: Callable[[], Any]) -> None:
        """Runs it on the loop, from any thread."""
        loop = self.loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(callback)


def name_of_running() -> str:
    """The call within which this is asked."""
    now = running.get()
    if now is None:
        return "none"
    return call_name(now.call.command, now.call.correlation)


async def awaited(value: Awaitable[Any]) -> Any:
    """A coroutine of whatever can be awaited."""
    return await value
