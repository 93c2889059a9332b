"""The thread profile: N commands of one process at once.

The main thread reads; N threads, named charmer-1 … charmer-N (see `ps -L`),
run the commands and answer each as it finishes, so answers come in any order.
A thread has its own slot in the progress page. Because the main thread only
reads, a Ping is answered and a Cancel heard while all of them are busy. While
it is in the adapter's setup, of those who wait for the host the one that has
the turn reads for all.

`async def` commands run on one loop in a further thread. Each is waited for by
one of the N threads, so no more than N calls run at once, whatever they are.

Threading: as said at each class.
"""

from __future__ import annotations

import logging
import signal
import threading
from queue import Empty, SimpleQueue
from typing import Any, Callable, Coroutine, Dict, List, Optional, Set
from typing import Tuple

from google.protobuf.message import DecodeError

from charmer import telemetry
from charmer.adapter import AdapterError, set_up_thread, tear_down_thread
from charmer.cancellation import clock
from charmer.channel import Bytes, Large, ProtocolError
from charmer.conversation import Conversation, Stopped, name_of_running
from charmer.execution import set_running
from charmer.frames import gil_enabled, open_frame
from charmer.loop import LoopThread, name_thread
from charmer.progress import RUNNING
from charmer.safety import Checker
from charmer.tally import Tally
from charmer.texts import call_name
from charmer.thread_executor import ThreadExecutor
from charmer.wire import frames_pb2 as wire


class Work:
    """A call that waits for a thread."""

    __slots__ = ("call", "received")

    def __init__(self, call: wire.Call, received: int) -> None:
        self.call = call
        self.received = received


class Threads(Conversation):
    """See above."""

    def __init__(self, threads: int, *rest: Any) -> None:
        super().__init__(*rest)
        self.count = threads
        self.main = threading.get_ident()
        self.checker: Optional[Checker] = None
        self.executors: List[ThreadExecutor] = []
        self.crew: List[threading.Thread] = []
        self.calls: SimpleQueue[Optional[Work]] = SimpleQueue()
        self.active: Set[int] = set()  # waiting or running
        self.lock = threading.Lock()
        self.loop_thread: Optional[LoopThread] = None
        self.gil = gil_enabled()
        # -- how it ends
        self.idle = False
        self.draining = False
        self.dropped = False  # calls that had not begun, after SIGTERM
        self.broken: Optional[BaseException] = None
        self.alive = threads
        # By Python for every signal, since one that comes just before a `poll`
        # would not end that.
        signal.set_wakeup_fd(self.waker, warn_on_full_buffer=False)

    # -- starting --------------------------------------------------------------

    def begin(self) -> None:
        """Starts the threads; each sets up what the adapter has for it."""
        if gil_enabled() and not self.gil:
            self.tell_gil("the adapter's import")
        self.gil = gil_enabled()
        safety = self.options.safety
        if safety != "off":
            lock = getattr(self.adapter, "lock", None)
            self.checker = Checker(safety == "strict", lock)
            breach = self.checker.check_imports()
            if breach is not None:
                raise AdapterError(str(breach))
        if any(command.awaits for command in self.commands.values()):
            self.the_loop()
        ready: SimpleQueue[Optional[BaseException]] = SimpleQueue()
        for number in range(self.count):
            executor = ThreadExecutor(self, number)
            self.executors.append(executor)
            thread = threading.Thread(
                target=self.work,
                args=(executor, ready),
                name=f"charmer-{number + 1}",
                daemon=True,
            )
            self.crew.append(thread)
            thread.start()
        # Meanwhile they may ask the host, and somebody has to read.
        self.wait(lambda: ready.qsize() == self.count)
        errors = [ready.get() for _ in self.crew]
        for error in errors:
            if error is not None:
                raise error

    # -- one thread ------------------------------------------------------------

    def work(
        self,
        executor: ThreadExecutor,
        ready: SimpleQueue[Optional[BaseException]],
    ) -> None:
        """The life of one of the N threads."""
        name_thread()
        executor.thread = threading.get_ident()
        try:
            set_up_thread(self.adapter)
        except BaseException as error:
            ready.put(error)
            return
        else:
            ready.put(None)
        finally:
            self.interrupt()
        try:
            while True:
                work = self.calls.get()
                if work is None:
                    break
                self.answer(executor, work)
                set_running(None)  # an idle thread holds no payload
                del work
            tear_down_thread(self.adapter)
        except BaseException as error:  # the host reads no more
            self.broken = error
        finally:
            with self.lock:
                self.alive -= 1
            self.interrupt()

    def answer(self, executor: ThreadExecutor, work: Work) -> None:
        """Runs one call and answers it."""
        frame = executor.execute(work.call, work.received)
        id = work.call.id
        self.active.discard(id)
        if self.cancels.told or self.early:
            self.cancels.forget(id)
            self.early.pop(id, None)
        if isinstance(frame, Large):
            self.sender.send_large(frame)
        else:
            self.sender.send_frame(frame)
        if not self.gil and gil_enabled():
            self.tell_gil(work.call.command)

    def tell_gil(self, within: str) -> None:
        """An extension has turned the lock on: nothing runs in parallel any
        more, and only a new process can change that."""
        with self.lock:
            if self.gil:
                return
            self.gil = True
        logging.getLogger("charmer").warning(
            "the GIL is enabled again, by a module that does not support "
            "running without it and was imported within %s: commands of this "
            "worker no longer run in parallel", within,
        )  # fmt: skip
        telemetry.send(
            "charmer.worker.gil_enabled", {"count": 1}, {"within": within}
        )

    # -- the main thread -------------------------------------------------------

    def serve(self, frames: List[Bytes]) -> None:
        self.take(frames)
        self.serving = True
        self.interrupt()  # who has the turn gives it up
        with self.turn:
            try:
                self.read_on()
            finally:
                self.serving = False
        self.wake()

    def read_on(self) -> None:
        while self.alive and self.broken is None:
            try:
                self.take(self.read())
            except Stopped:
                pass
            if self.stopping and not self.dropped:
                self.dropped = True
                self.drain()
        if self.broken is not None:
            raise self.broken

    def read(self) -> List[Bytes]:
        """Waits for frames, or for a thread to end."""
        self.idle = True
        try:
            if self.stopping and not self.dropped:
                return []
            happened = self.poll.poll()
        finally:
            self.idle = False
        return self.pull(happened)

    def pull(self, happened: List[Tuple[int, int]]) -> List[Bytes]:
        """The frames that have come."""
        if not self.readable(happened):
            return []
        frames = self.receiver.pull()
        if frames is None:
            self.poll.unregister(self.receiver.fd)
            self.close()
            self.drain()
        return frames or []

    def take(self, frames: List[Bytes]) -> None:
        """Gives calls to the threads, and the rest to those concerned."""
        received = clock()
        for data in frames:
            kind, body = open_frame(data)
            if kind == "call":
                if not self.draining:
                    self.active.add(body.id)
                    self.calls.put(Work(body, received))
            elif kind == "drain":
                self.drain()
            else:
                self.route(kind, body)

    def cancel(self, call: int) -> None:
        if call in self.active:
            super().cancel(call)
            if call not in self.active:  # answered in this very moment
                self.cancels.forget(call)

    def credit(self, call: int, chunks: int) -> None:
        if call in self.active:
            super().credit(call, chunks)
            if call not in self.active:
                self.early.pop(call, None)

    def stop(self) -> None:
        self.stopping = True
        if self.idle and not self.dropped:
            raise Stopped

    def drain(self) -> None:
        """No further calls come; after SIGTERM, none of those that wait is
        begun either."""
        self.draining = True
        while self.dropped and not self.calls.empty():
            try:
                self.calls.get_nowait()
            except Empty:
                break
        for _ in self.crew:
            self.calls.put(None)

    def wait(
        self, ready: Callable[[], bool], until: Optional[int] = None
    ) -> bool:
        return self.wait_turn(ready, until)

    def read_once(self, seconds: Optional[float]) -> None:
        limit = None if seconds is None else seconds * 1000
        try:
            self.take(self.pull(self.poll.poll(limit)))
        except (ProtocolError, DecodeError, OSError) as error:
            self.broken = error
            self.close()

    # -- the event loop --------------------------------------------------------

    def run(self, work: Coroutine[Any, Any, Any], call: int) -> Any:
        """In one of the N threads, or in the main one before and after them;
        it waits meanwhile."""
        loop_thread = self.the_loop()

        name = name_of_running()

        def begun(task: Any) -> None:
            task.set_name(name)
            self.tasks[call] = task
            if self.cancels.has(call):
                task.cancel()

        def begun_by_main(task: Any) -> None:
            task.set_name(name)
            self.tasks[call] = task
            task.add_done_callback(lambda _: self.interrupt())

        def read_meanwhile(done: threading.Event) -> None:
            self.wait(done.is_set)
            done.wait()  # nothing can be read any more

        try:
            if threading.get_ident() == self.main:
                return loop_thread.run(work, begun_by_main, read_meanwhile)
            return loop_thread.run(work, begun)
        finally:
            self.tasks.pop(call, None)

    def the_loop(self) -> LoopThread:
        """The thread of the event loop, once there is need of it."""
        with self.lock:
            if self.loop_thread is None:
                self.loop_thread = LoopThread()
                self.loop = self.loop_thread.loop
            return self.loop_thread

    def end(self) -> None:
        if self.loop_thread is not None:
            self.loop_thread.stop()

    # -- what is told ----------------------------------------------------------

    def state(self) -> Dict[str, Any]:
        running = sum(x.slot.block[RUNNING] != 0 for x in self.executors)
        told = {
            "threads": self.count,
            "running": running,
            "commands": self.statistics(),
        }
        if self.checker is not None:
            told["safety"] = self.checker.get_report()
        return told

    def busy_threads(self) -> List[Tuple[int, int, str]]:
        return [
            (
                x.thread,
                x.slot.block[RUNNING],
                call_name(x.command, x.correlation),
            )
            for x in self.executors
            if x.slot.block[RUNNING]
        ]

    def statistics(self) -> Dict[str, Dict[str, Any]]:
        """What all threads together have run, by command."""
        return Tally.total(x.tally for x in self.executors)
