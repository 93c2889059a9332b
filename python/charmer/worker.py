"""The worker: its handshake, the profile it runs in, and its end.

What happens in between is a conversation of one of two kinds: `charmer.serial`
for the process profile, `charmer.threads` for the thread profile. The host says
which by Hello.threads.

Signals: SIGINT is the host's business; SIGTERM ends the worker after what runs;
another one asks what every thread and every coroutine does (see
`charmer.tracebacks`).

Threading: the main thread; `charmer.tracebacks` has one of its own.
"""

from __future__ import annotations

import atexit
import logging
import os
import signal
import sys
import threading
import traceback
from inspect import isawaitable, iscoroutinefunction
from types import FrameType
from typing import Any, Dict, NoReturn, Optional

from google.protobuf.message import DecodeError

from charmer import commands, context, options, records, tracebacks
from charmer.adapter import AdapterError
from charmer.channel import ProtocolError, Receiver, Sender
from charmer.conversation import Conversation, Stopped
from charmer.descriptors import Taken
from charmer.execution import leave_fork
from charmer.failures import failure
from charmer.frames import VERSION, open_frame, ready
from charmer.progress import words_of
from charmer.serial import Serial
from charmer.wire import frames_pb2 as wire

HELLO_LIMIT = 64 << 20  # until Hello has said max_frame_bytes
Kind = wire.Failure


def main(taken: Taken) -> NoReturn:
    """Runs a worker on these descriptors, to the end of the process. Threads
    that the user has left behind do not keep it."""
    signal.signal(signal.SIGINT, ignore)  # Ctrl-C is the host's
    tracebacks.write_on_request()
    try:
        worker = Worker(taken)
    except ValueError as error:
        sys.exit(f"charmer: {error}")
    try:
        status = worker.run()
    except BrokenPipeError:
        status = 0  # the host is gone: as the end of stdin
    except (ProtocolError, DecodeError) as error:
        print(f"charmer: protocol error: {error}", file=sys.stderr)
        status = 1
    except SystemExit as error:  # of a signal handler of the user's
        status = error.code if isinstance(error.code, int) else 0
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
            status = 1
    except BaseException:  # this, too, is the end of all threads
        traceback.print_exc()
        status = 1
    status = worker.tear_down() or status
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            pass  # the user has closed it
    if worker.stopped():
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)
    os._exit(status)


def ignore(number: int, frame: Optional[FrameType]) -> None:
    """A signal that nothing is done about. (Not SIG_IGN, which processes that
    the worker starts would inherit.)"""


class Worker:
    """One worker process."""

    def __init__(self, taken: Taken) -> None:
        words_of(taken.page)  # something else is noticed now
        self.page = taken.page
        self.receiver = Receiver(taken.incoming, HELLO_LIMIT)
        self.sender = Sender(taken.outgoing)
        self.limit = HELLO_LIMIT
        self.conversation: Optional[Conversation] = None
        self.forked = False
        self.held = threading.local()  # signals, while a thread forks

    def run(self) -> int:
        """From Hello to the end. Returns the exit status."""
        first = self.receiver.batch()
        if not first:
            return 0
        kind, hello = open_frame(first[0])
        if not isinstance(hello, wire.Hello):
            raise ProtocolError(f"the first frame is {kind}, not hello")
        try:
            conversation = self.start(hello)
        except BaseException as error:
            self.sender.send_frame(self.start_failure(error))
            return 1
        try:
            conversation.serve(first[1:])
        except Stopped:
            pass
        return 0

    def start(self, hello: wire.Hello) -> Conversation:
        """Sets the adapter up and says Ready. Raises what keeps it from it."""
        if hello.max_frame_bytes:
            self.limit = hello.max_frame_bytes
            self.receiver.limit = self.limit
        if hello.version != VERSION:
            raise VersionError(hello.version)
        os.register_at_fork(
            before=self.hold_signals,
            after_in_parent=self.release_signals,
            after_in_child=self.disown,
        )
        records.install(self.sender, hello.log_level, self.limit)
        told, named = options.parse(hello.options)
        threads = max(1, hello.threads)
        conversation = self.make_conversation(threads, told)
        self.conversation = context.worker = conversation
        sys.path[:0] = hello.python_path
        self.set_up(conversation, hello.adapter, named, threads)
        if self.forked:
            leave_fork(None)
        known = conversation.commands.values()
        self.sender.send_frame(ready(known, self.limit))
        signal.signal(signal.SIGTERM, self.on_sigterm)
        return conversation

    def make_conversation(
        self, threads: int, told: options.Options
    ) -> Conversation:
        """Of the kind that the host asks for."""
        try:
            words = words_of(self.page, threads)
        except ValueError as error:
            raise AdapterError(str(error)) from None
        rest = (self.receiver, self.sender, words, told, self.limit)
        if threads == 1:
            return Serial(*rest)
        from charmer.threads import Threads  # the others need not load it

        tracebacks.write_at_last(all_threads=True)
        return Threads(threads, *rest)

    def set_up(
        self,
        conversation: Conversation,
        adapter: str,
        named: Dict[str, Any],
        threads: int,
    ) -> None:
        """Loads the adapter, then whatever runs its commands."""
        conversation.adapter, conversation.commands = commands.load(
            adapter, named, threads, conversation.settled
        )
        conversation.begin()

    def start_failure(self, error: BaseException) -> bytes:
        """What the host is told instead of Ready."""
        if isinstance(error, VersionError):
            return failure(0, Kind.VERSION, str(error), self.limit)
        if isinstance(error, (AdapterError, options.OptionsError)):
            return failure(0, Kind.START, str(error), self.limit)
        return failure(0, Kind.START, error, self.limit)

    def stopped(self) -> bool:
        """Whether SIGTERM ended it."""
        return self.conversation is not None and self.conversation.stopping

    def tear_down(self) -> int:
        """The last thing that happens. Returns the exit status. Whoever finds
        that it takes too long kills it: a SIGTERM asks for what is being done
        already."""
        signal.signal(signal.SIGTERM, ignore)
        status = 0
        try:
            if self.conversation is not None:
                wind_up(self.conversation)
        except BaseException:
            logging.getLogger("charmer").exception("teardown failed")
            status = 1
        try:
            atexit._run_exitfuncs()
        except BaseException:
            pass  # Python has printed it
        return status

    # -- signals and forks -----------------------------------------------------

    def on_sigterm(self, number: int, frame: Optional[FrameType]) -> None:
        """Ends the worker: now if it is idle, else after what runs."""
        if self.conversation is not None:
            self.conversation.stop()

    def hold_signals(self) -> None:
        """Before a fork: a SIGTERM for a child that is too young to know that
        it is no worker must wait until it does, or would be lost."""
        self.held.mask = signal.pthread_sigmask(
            signal.SIG_BLOCK, {signal.SIGTERM}
        )

    def release_signals(self) -> None:
        """After it."""
        signal.pthread_sigmask(signal.SIG_SETMASK, self.held.mask)

    def disown(self) -> None:
        """In a child that a command, or the adapter, has forked."""
        self.forked = True
        context.worker = None
        if self.conversation is not None:
            self.conversation.forked = self.conversation.closed = True
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (self.receiver.fd, self.sender.fd):
            os.dup2(null, fd, inheritable=False)
        os.close(null)
        records.uninstall()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        self.release_signals()
        tracebacks.leave_to_main_thread()


def wind_up(conversation: Conversation) -> None:
    """Tears the adapter down. A teardown that is `async def` needs the event
    loop; any other comes when nothing runs any more. To either the host is
    gone, and so it is to threads that it waits for."""
    adapter = conversation.adapter
    conversation.rest()
    conversation.finish()
    try:
        if adapter is not None and iscoroutinefunction(adapter.teardown):
            conversation.settled(adapter.teardown())
            adapter = None
    finally:
        conversation.end()
        if adapter is not None and isawaitable(adapter.teardown()):
            raise TypeError("it returns what must be awaited: declare it "
                            "`async def teardown`")  # fmt: skip


class VersionError(Exception):
    """Host and worker are of different releases."""

    def __init__(self, theirs: int) -> None:
        super().__init__(
            f"the host speaks version {theirs} of the schema, this worker "
            f"({os.path.dirname(os.path.abspath(__file__))}) version "
            f"{VERSION}: use the package that came with the host"
        )
