"""One of the N threads of the thread profile: what it runs is counted, and
checked on request.

Threading: an executor belongs to its thread; any may read its tally, and what
it has begun.
"""

from __future__ import annotations

from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Optional, Union

from charmer.cancellation import clock
from charmer.channel import Large
from charmer.execution import Executor, Kind
from charmer.failures import failure
from charmer.health import BUILT_IN
from charmer.progress import Slot
from charmer.safety import Run, ThreadSafetyError
from charmer.tally import Tally
from charmer.wire import frames_pb2 as wire

if TYPE_CHECKING:
    from charmer.threads import Threads

FAILURE_TAG = b"\x92\x01"  # field 18 of Frame, length-delimited


class ThreadExecutor(Executor):
    """One of the N threads. Counts what it has run, and has it checked."""

    def __init__(self, conversation: Threads, number: int) -> None:
        super().__init__(conversation, Slot(conversation.cancels, number))
        self.checker = conversation.checker
        self.entered: Optional[Run] = None
        self.breach: Optional[ThreadSafetyError] = None
        self.tally = Tally()
        self.thread = 0  # its ident
        # of the last one that it has begun
        self.command = ""
        self.correlation = ""

    def execute(self, call: wire.Call, received: int) -> Union[bytes, Large]:
        command = self.commands.get(call.command)
        if command is None:
            return super().execute(call, received)
        self.command = command.name
        self.correlation = call.correlation
        began = clock()
        checked = not command.awaits and command.function not in BUILT_IN
        if self.checker is None or not checked:
            frame = super().execute(call, received)
        else:
            self.breach = None
            self.entered = self.checker.enter(command.name)
            frame = super().execute(call, received)
            self.leave_checker()
            if self.breach is not None:
                frame = failure(
                    call.id, Kind.EXCEPTION, self.breach, self.limit
                )
        failed = type(frame) is bytes and frame.startswith(FAILURE_TAG)
        self.tally.add(command.name, clock() - began, failed)
        return frame

    def special(self, value: Any, started: int) -> Union[bytes, Large]:
        # Behind a decorator it shows only now: it runs on the loop, and there
        # never two at once.
        if isawaitable(value) or hasattr(value, "__anext__"):
            self.leave_checker()
        return super().special(value, started)

    def leave_checker(self) -> None:
        """What has begun in this thread, if anything, has ended."""
        if self.entered is not None and self.checker is not None:
            self.breach = self.checker.leave(self.entered)
            self.entered = None
