"""The process profile: one thread reads, runs the commands in the order of
their calls, and answers all that came together with one write.

An answer is not held back by what comes after it: it leaves after a
millisecond, and before any command begins that is not known to be quick.

Frames are read when there is nothing to run; and while a command runs, if it
waits for one (an answer of the host, credit, an `await`) or asks whether it was
cancelled. Calls that turn up then wait in the backlog.

Threading: commands run in the main thread. Threads that they start may call the
host and wait: of those who wait, the one that has the turn reads for all.

What a call costs is kept small: see tests/python/measure_loop.py for figures.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Any, Callable, Coroutine, Deque, Dict, Iterable, Iterator
from typing import List, Optional, Union

from google.protobuf.message import DecodeError

from charmer.adapter import set_up_thread, tear_down_thread
from charmer.cancellation import clock
from charmer.channel import CHUNK, Bytes, Large, ProtocolError, pack_length
from charmer.context import Running
from charmer.conversation import Conversation, Stopped, name_of_running
from charmer.execution import LINGER, Executor, set_running
from charmer.frames import CALL_TAG, open_call, open_frame
from charmer.loop import new_loop, outcome, run_to_end, wind_up
from charmer.progress import RUNNING, Slot

LOOK_EVERY = 1_000_000  # ns between two looks of `cancelled` into the pipe
BACKLOG = 4 << 20  # bytes of frames, above which `cancelled` reads no more
MANY = 64  # of what came early or too late, from where on it is looked through


class SerialExecutor(Executor):
    """Collects answers until they are worth a write."""

    def __init__(self, conversation: Conversation, slot: Slot) -> None:
        super().__init__(conversation, slot)
        self.pending: List[bytes] = []
        self.since = 0  # when the oldest of them may have come

    def answer(self, frame: Union[bytes, Large]) -> None:
        """Sends a frame with the others of this batch, or now if they have
        waited for long enough, or if it is large."""
        if isinstance(frame, Large):
            self.flush()
            self.conversation.sender.send_large(frame)
            return
        if len(frame) > CHUNK:
            self.flush()
            self.conversation.sender.send_frame(frame)
            return
        self.pending += (pack_length(len(frame)), frame)
        if self.ended - self.since > LINGER:
            self.flush()

    def flush(self) -> None:
        """Sends what waits."""
        if self.pending:
            self.conversation.sender.send(b"".join(self.pending))
            self.pending.clear()
            self.since = self.ended


class Serial(Conversation):
    """See above."""

    def __init__(self, *rest: Any) -> None:
        super().__init__(*rest)
        self.main = threading.get_ident()
        self.is_set_up = False
        self.idle = False
        self.batch: Iterator[Bytes] = iter(())  # what is being answered
        # -- what came while a command ran
        self.backlog: Deque[Bytes] = deque()
        self.backlog_bytes = 0
        self.looked = 0
        self.eventful = False  # more has happened than calls
        self.broken: Optional[Exception] = None
        # -- who waits and reads
        self.waiting = 0  # threads that wait and are not the main one
        self.attending = False  # the event loop reads
        self.slot = Slot(self.cancels)
        self.executor = SerialExecutor(self, self.slot)

    def begin(self) -> None:
        self.executor.commands = self.commands
        set_up_thread(self.adapter)
        self.is_set_up = True

    # -- the loop --------------------------------------------------------------

    def serve(self, frames: List[Bytes]) -> None:
        going = self.handle(frames)
        del frames
        while going:
            going = self.handle_next()

    def handle_next(self) -> bool:
        """Waits for a batch and answers it. False: there is no other. (Nothing
        holds a batch, which may be large, while the next is waited for.)"""
        frames = self.next_frames()
        return self.handle(frames) if frames else False

    def handle(self, frames: List[Bytes]) -> bool:
        """Answers one batch. False: it is to be the last."""
        executor = self.executor
        received = executor.since = clock()
        self.batch = iter(frames)
        going = True
        for data in self.batch:
            call = open_call(data)
            if call is not None:
                executor.answer(executor.execute(call, received))
            elif not self.handle_other(data, received):
                going = False
                break
            if self.stopping:
                break
        executor.flush()
        return going and not self.stopping

    def handle_other(self, data: Bytes, received: int) -> bool:
        """Handles a frame that is rare. False: no other is to be handled."""
        self.eventful = True
        kind, body = open_frame(data)
        if kind == "call":  # of a newer host, with more in its frame
            self.executor.answer(self.executor.execute(body, received))
        elif kind != "cancel":
            # A Cancel that is read here is one of a call that has been
            # answered; the page has told of it earlier.
            self.route(kind, body)
        return kind != "drain"

    def next_frames(self) -> List[Bytes]:
        """Waits for frames. An empty list: there will be none."""
        set_running(None)
        if self.eventful and not self.calm():
            self.forget()
            return self.from_backlog()
        if not self.turn.acquire(False):
            return self.from_backlog()
        self.idle = True
        try:
            frames = [] if self.stopping else self.receiver.batch()
            self.idle = False
            if not self.questions.open or not frames:
                return frames
            # A thread of the user's asks the host. What answers it is sorted
            # out before the turn is given away: who has the turn can trust
            # that nothing it waits for is in other hands.
            self.keep(frames)
        finally:
            self.idle = False
            self.turn.release()
            if self.waiting:
                self.wake()
        return self.from_backlog()

    def calm(self) -> bool:
        """Whether it is again as if nothing but calls had come, and nobody
        had waited."""
        with self.news:
            if self.backlog or self.closed or self.waiting:
                return False
            self.cancels.told.clear()  # nothing runs, nothing waits
            self.early.clear()
            self.eventful = False
            return True

    def forget(self) -> None:
        """Where somebody waits all the time: forgets what came too late for
        calls that are over. Nothing runs, so what is not over is in the
        backlog; or was, and has left a thread that waits for the host."""
        told, early = self.cancels.told.copy(), self.early.copy()
        if len(told) + len(early) <= MANY:
            return
        # What is told of now, and was not then, is left alone: its call may
        # have come after the look into the backlog.
        ids = {
            getattr(open_frame(data)[1], "id", 0)
            for data in self.backlog.copy()
            if is_call(data)
        }
        for asked in list(self.questions.open.values()):
            if asked.running is not None:
                ids.add(asked.running.call.id)
        for id in told - ids:
            self.cancels.forget(id)
        with self.news:
            for id in early.keys() - ids:
                self.early.pop(id, None)

    def from_backlog(self) -> List[Bytes]:
        """What came while a command ran; or, where others read, what comes."""
        self.idle = True
        try:
            if not self.stopping:
                self.wait_turn(lambda: len(self.backlog) > 0, None)
        finally:
            self.idle = False
        frames: List[Bytes] = []
        with self.news:
            frames.extend(self.backlog)
            self.backlog.clear()
            self.backlog_bytes = 0
        if self.broken is not None and not frames:
            raise self.broken
        return frames

    def stop(self) -> None:
        self.stopping = True
        if self.idle:
            raise Stopped

    # -- reading while a command runs ------------------------------------------

    def wait(
        self, ready: Callable[[], bool], until: Optional[int] = None
    ) -> bool:
        if threading.get_ident() == self.main:
            self.executor.flush()
            self.keep_batch()
            return self.wait_turn(ready, until)
        with self.news:
            self.waiting += 1
            self.eventful = True
        try:
            return self.wait_turn(ready, until)
        finally:
            with self.news:
                self.waiting -= 1
            self.wake()

    def wake(self) -> None:
        super().wake()
        if self.tasks and not self.attending:
            self.soon(self.attend)

    def read_once(self, seconds: Optional[float]) -> None:
        try:
            limit = None if seconds is None else seconds * 1000
            if not self.readable(self.poll.poll(limit)):
                return
            frames = self.receiver.pull()
        except (ProtocolError, OSError) as error:
            self.broken = error
            frames = None
        if frames is None:
            self.eventful = True
            self.close()
        else:
            self.keep(frames)

    def keep(self, frames: Iterable[Bytes]) -> None:
        """Routes what is no call; the rest waits in the backlog, each before
        anything that comes after it is routed."""
        self.eventful = True
        try:
            for data in frames:
                if not self.routed(data):
                    with self.news:
                        self.backlog.append(data)
                        self.backlog_bytes += len(data)
        except DecodeError as error:
            self.broken = error
            self.close()

    def keep_batch(self) -> None:
        """The same of what the main thread has taken already, and so came
        before what is in the backlog."""
        self.eventful = True
        left: List[Bytes] = []
        try:
            for data in self.batch:  # which is used up by this
                if not self.routed(data):
                    left.append(data)
        except DecodeError as error:
            self.broken = error
            self.close()
        with self.news:
            self.backlog.extendleft(reversed(left))
            self.backlog_bytes += sum(map(len, left))

    def routed(self, data: Bytes) -> bool:
        """Takes a frame to those whom it concerns. False: it has its place in
        the order of the calls."""
        if is_call(data):
            return False
        kind, body = open_frame(data)
        return kind is None or self.route(kind, body)

    def is_cancelled(self, now: Running) -> bool:
        """Asks the page; and now and then looks into the pipe."""
        if super().is_cancelled(now):
            return True
        at = clock()
        if at - self.looked < LOOK_EVERY or self.forked:
            return False
        self.looked = at
        if threading.get_ident() == self.main:
            self.keep_batch()
        if self.backlog_bytes < BACKLOG and self.turn.acquire(blocking=False):
            try:
                self.read_once(0)
            finally:
                self.turn.release()
                if self.waiting:
                    self.wake()
        return super().is_cancelled(now)

    # -- the event loop --------------------------------------------------------

    def run(self, work: Coroutine[Any, Any, Any], call: int) -> Any:
        """In the main thread; the loop stands still when no coroutine runs."""
        loop = self.loop
        if loop is None or loop.is_closed():  # by a command
            loop = self.loop = new_loop()
        self.executor.flush()
        task = self.tasks[call] = loop.create_task(outcome(work))
        task.set_name(name_of_running())
        self.keep_batch()
        self.attend()
        try:
            value, error = run_to_end(loop, task)
        finally:
            self.tasks.pop(call, None)
            self.leave()
            work.close()  # if it was cancelled before its first step
        if error is not None:
            raise error
        return value

    def attend(self) -> None:
        """The loop reads, unless somebody else does; it is told when not."""
        loop = self.loop
        if (
            loop is not None
            and self.tasks
            and not self.closed
            and not self.attending
            and self.turn.acquire(blocking=False)
        ):
            self.attending = True
            loop.add_reader(self.receiver.fd, self.attended)

    def attended(self) -> None:
        """Something has come."""
        self.read_once(0)
        if self.closed:
            self.leave()

    def leave(self) -> None:
        """The loop reads no longer."""
        if self.attending and self.loop is not None:
            self.loop.remove_reader(self.receiver.fd)
            self.attending = False
            self.turn.release()
            if self.waiting:
                self.wake()

    def rest(self) -> None:
        if self.is_set_up:
            tear_down_thread(self.adapter)

    def end(self) -> None:
        if self.loop is not None:
            wind_up(self.loop)

    def state(self) -> Dict[str, Any]:
        block = self.slot.block
        return {"threads": 1, "running": int(block[RUNNING] != 0)}


def is_call(data: Bytes) -> bool:
    """Whether a frame begins as a call does."""
    return len(data) > 0 and data[0] == CALL_TAG
