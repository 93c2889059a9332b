"""Questions to the host that are open: see `charmer.host`.

Threading: a question belongs to the thread or task that asks; the thread that
reads frames settles it.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Callable, Dict, Optional

from charmer.cancellation import Cancelled, clock
from charmer.context import running
from charmer.host import HostError, HostGone, HostTimeout
from charmer.payloads import Encoder, TooLarge, decode_value
from charmer.wire import frames_pb2 as wire

if TYPE_CHECKING:
    from charmer.conversation import Conversation

FOREVER = 2_000_000.0  # seconds, more than which `poll` does not take


class Question:
    """One HostCall, from being made to its reply."""

    def __init__(
        self,
        conversation: Conversation,
        function: str,
        arguments: Any,
        timeout: Optional[float],
    ) -> None:
        self.conversation = conversation
        self.function = function
        self.running = running.get()
        self.until = self.limit(timeout)
        self.reply: Optional[wire.HostReply] = None
        self.on_reply: Callable[[], None] = nothing
        self.id = conversation.questions.add(self)  # seen by who reads
        self.frame = self.make_frame(arguments)

    def make_frame(self, arguments: Any) -> bytes:
        """Raises ValueError if the arguments cannot be sent."""
        limit = self.conversation.limit
        try:
            asked = wire.HostCall(id=self.id, function=self.function)
            if self.running is not None and not self.running.over:
                asked.call = self.running.call.id
            if self.until is not None:
                asked.time_left_ns = max(self.until - clock(), 1)
            if arguments is not None:
                Encoder(limit).put(asked.arguments, arguments)
            frame: bytes = wire.Frame(host_call=asked).SerializeToString()
            if len(frame) > limit:
                raise TooLarge(len(frame), limit)
        except Exception as error:
            self.forget()
            text = str(error).replace("result", "argument")
            raise ValueError(f"host call {self.function!r}: {text}") from None
        return frame

    def limit(self, timeout: Optional[float]) -> Optional[int]:
        """Until when it waits, in ns of the clock: the earlier of both."""
        until = None if self.running is None else self.running.patience()
        if timeout is None or timeout > FOREVER:
            return until
        if timeout != timeout:
            raise ValueError("the timeout is no number of seconds (NaN)")
        asked = clock() + int(timeout * 1e9)
        return asked if until is None else min(asked, until)

    def left(self) -> Optional[float]:
        """Seconds that it still waits."""
        return None if self.until is None else (self.until - clock()) / 1e9

    def send(self) -> None:
        """Asks the host, if there is one."""
        if not self.conversation.closed:
            self.conversation.sender.send_frame(self.frame)
        self.frame = b""

    def settled(self) -> bool:
        """Whether there is nothing more to wait for."""
        return self.reply is not None or self.cancelled()

    def cancelled(self) -> bool:
        """Whether the call within which it was made is no longer wanted."""
        now = self.running
        return now is not None and self.conversation.cancels.has(now.call.id)

    def answer(self) -> Any:
        """What the application said, or raises what it was."""
        reply = self.reply
        if reply is not None:
            if reply.HasField("exception"):
                error = reply.exception
                raise HostError(error.type, error.text, error.traceback)
            return decode_value(reply.value)
        if self.cancelled():
            raise Cancelled(f"while it waited for {self.function!r}")
        if self.conversation.closed:
            raise HostGone(
                "",
                f"nobody answers {self.function!r} any more: the host has "
                "ended, or has this worker end",
            )
        raise HostTimeout("", f"no answer from {self.function!r} in time")

    def forget(self) -> None:
        """A reply that comes now is late, and dropped."""
        self.conversation.questions.remove(self.id)


class Questions:
    """Those that are open, by their ids."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.last = 0
        self.open: Dict[int, Question] = {}

    def add(self, asked: Question) -> int:
        """Gives it an id, which no other will have."""
        with self.lock:
            self.last += 1
            self.open[self.last] = asked
            return self.last

    def remove(self, id: int) -> None:
        self.open.pop(id, None)

    def settle(self, reply: wire.HostReply) -> None:
        """The host has answered. A reply to nobody's question is dropped."""
        asked = self.open.get(reply.id)
        if asked is not None:
            asked.reply = reply
            asked.on_reply()


def nothing() -> None:
    """Nobody has to be woken."""
