"""The call that runs here and now, for the functions that a command calls.

A command does not get its call as an argument; `charmer.cancelled()` and the
like find it in a context variable. So it is right in each thread that runs
commands, in each task of the event loop, and in what a user starts with
`contextvars.copy_context().run` or `asyncio.to_thread`.

Threading: any thread.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    from charmer.conversation import Conversation
    from charmer.wire import frames_pb2 as wire


PATIENCE = 100_000_000  # ns


class Running:
    """One call that runs. Made for each call, so it holds as little as can
    be: what is asked rarely, is worked out then."""

    __slots__ = ("call", "received", "conversation", "over")

    def __init__(
        self, call: wire.Call, received: int, conversation: Conversation
    ) -> None:
        self.call = call
        self.received = received  # when it was read, in ns of the clock
        self.conversation = conversation
        self.over = False  # what it has left in the background goes on

    def deadline(self) -> Optional[int]:
        """In ns of the clock; None if it has none. When the call is over it
        limits nothing: a task that it has begun may go on for months."""
        limit: int = self.call.timeout_ns
        return self.received + limit if limit and not self.over else None

    def patience(self) -> Optional[int]:
        """Until when to wait for what only the host can say. That the deadline
        has passed is the host's to say, by a Cancel: who gave up at that very
        moment would answer with an error of his own, sooner than it."""
        until = self.deadline()
        return None if until is None else until + PATIENCE


running: ContextVar[Optional[Running]] = ContextVar(
    "charmer_running", default=None
)
"""None outside a call, as in a user's thread or in an adapter's tests."""

worker: Optional[Conversation] = None
"""The conversation of this process; None outside a worker, and in a child that
a command has forked."""


def correlation() -> str:
    """The correlation id of the running call; empty when it has none."""
    now = running.get()
    if now is None:
        return ""
    id: str = now.call.correlation
    return id

