"""The worker: handshake, the loop that answers calls, and the end.

One thread does everything: it reads what has come, runs the commands in the
order of their calls, and answers all of them with one write. An answer is not
held back by what comes after it: it leaves after a millisecond, and before any
command begins that is not known to be quick.

What Python's start-up costs is paid once, what a call costs is kept small: see
tests/python/measure_loop.py for the figures.

Threading: the main thread only; `charmer.channel.Sender` and the log handler
are what other threads may reach.
"""

from __future__ import annotations

import atexit
import logging
import os
import platform
import signal
import sys
import time
import traceback
from types import FrameType
from typing import Any, List, NoReturn, Optional, Tuple

from google.protobuf.message import DecodeError

from charmer import commands, progress, records
from charmer.adapter import Adapter
from charmer.channel import CHUNK, Bytes, ProtocolError, Receiver, Sender
from charmer.channel import pack_length
from charmer.descriptors import Taken
from charmer.failures import clean, failure
from charmer.payloads import BadArguments, BadResult, Encoder, TooLarge, decode
from charmer.wire import frames_pb2 as wire

VERSION = 1
"""Of the schema; charmer::wire::protocol_version on the other side."""

HELLO_LIMIT = 64 << 20  # until Hello has said max_frame_bytes
LINGER = 1_000_000  # ns that an answer may wait for others to join it
UNHURRIED = 32  # quick runs in a row, until a command counts as quick again

Kind = wire.Failure
clock = time.perf_counter_ns


class Stopped(Exception):
    """SIGTERM came while there was nothing to do."""


def main(taken: Taken) -> NoReturn:
    """Runs a worker on these descriptors, to the end of the process. Threads
    that the user has left behind do not keep it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the host's
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
    status = worker.tear_down() or status
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            pass  # the user has closed it
    if worker.stopping:
        os.kill(os.getpid(), signal.SIGTERM)
    os._exit(status)


class Worker:
    """One worker process."""

    def __init__(self, taken: Taken) -> None:
        self.receiver = Receiver(taken.incoming, HELLO_LIMIT)
        self.sender = Sender(taken.outgoing)
        self.slot = progress.Slot(taken.page)
        self.limit = HELLO_LIMIT
        self.adapter: Optional[Adapter] = None
        self.commands: commands.Commands = {}
        self.encoder = Encoder(HELLO_LIMIT)
        self.correlation = ""
        # -- answers that wait for the next write
        self.pending: List[bytes] = []
        self.since = 0  # when the oldest of them may have come
        self.ended = 0  # when the last command returned
        self.renew_reply()
        # -- how it ends
        self.idle = False
        self.stopping = False  # SIGTERM came
        self.forked = False  # this is a child that a command has forked

    # -- the conversation ------------------------------------------------------

    def run(self) -> int:
        """From Hello to the end. Returns the exit status."""
        first = self.receiver.batch()
        if not first:
            return 0
        kind, hello = open_frame(first[0])
        if not isinstance(hello, wire.Hello):
            raise ProtocolError(f"the first frame is {kind}, not hello")
        try:
            self.start(hello)
        except BaseException as error:
            self.sender.send_frame(self.start_failure(error))
            return 1
        try:
            self.serve(first[1:])
        except Stopped:
            pass
        return 0

    def start(self, hello: wire.Hello) -> None:
        """Sets the adapter up and says Ready. Raises what keeps it from it."""
        if hello.max_frame_bytes:
            self.limit = hello.max_frame_bytes
            self.receiver.limit = self.encoder.limit = self.limit
        if hello.version != VERSION:
            raise VersionError(hello.version)
        progress.current = self.slot
        os.register_at_fork(after_in_child=self.disown)
        records.install(self.sender, hello.log_level, self.limit)
        sys.path[:0] = hello.python_path
        self.adapter, self.commands = commands.load(
            hello.adapter, hello.options
        )
        if self.forked:
            leave_fork(None)
        self.sender.send_frame(ready(self.commands, self.limit))
        signal.signal(signal.SIGTERM, self.on_sigterm)

    def start_failure(self, error: BaseException) -> bytes:
        """What the host is told instead of Ready."""
        if isinstance(error, VersionError):
            return failure(0, Kind.VERSION, str(error), self.limit)
        if isinstance(error, commands.AdapterError):
            return failure(0, Kind.START, str(error), self.limit)
        return failure(0, Kind.START, error, self.limit)

    def serve(self, frames: List[Bytes]) -> None:
        """Answers until Drain, the end of stdin, or SIGTERM."""
        going = self.handle(frames)
        while going:
            going = self.handle_next()

    def handle_next(self) -> bool:
        """Waits for a batch and answers it. False: there is no other. (Nothing
        holds a batch, which may be large, while the next is waited for.)"""
        self.idle = True
        frames = [] if self.stopping else self.receiver.batch()
        self.idle = False
        return self.handle(frames) if frames else False

    def handle(self, frames: List[Bytes]) -> bool:
        """Answers one batch. False: it is to be the last."""
        self.since = clock()
        going = True
        for data in frames:
            kind, body = open_frame(data)
            if kind == "call":
                self.answer(self.execute(body))
            elif kind == "ping":
                pong = wire.Frame(pong=wire.Pong(id=body.id))
                self.answer(pong.SerializeToString())
            elif kind == "drain":
                going = False
            # Cancel: when it is read, its call has been answered; the progress
            # page tells earlier. Others: of a newer host.
            if self.stopping or not going:
                going = False
                break
        self.flush()
        return going

    def tear_down(self) -> int:
        """The last thing that happens. Returns the exit status. A SIGTERM
        that comes now means that it takes too long."""
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        status = 0
        try:
            if self.adapter is not None:
                self.adapter.teardown()
        except BaseException:
            logging.getLogger("charmer").exception("teardown failed")
            status = 1
        try:
            atexit._run_exitfuncs()
        except BaseException:
            pass  # Python has printed it
        return status

    # -- one call --------------------------------------------------------------

    def execute(self, call: wire.Call) -> bytes:
        """Runs the command. Returns the frame that answers the call."""
        id = call.id
        command = self.commands.get(call.command)
        if command is None:
            text = commands.unknown(call.command, self.commands)
            return failure(id, Kind.UNKNOWN_COMMAND, text, self.limit)
        slot = self.slot
        if slot.is_cancelled(id):
            text = "cancelled before it began"
            return failure(id, Kind.CANCELLED, text, self.limit)
        try:
            positional, named = decode(call.arguments)
        except BadArguments as error:
            return failure(id, Kind.BAD_ARGUMENTS, str(error), self.limit)
        if call.correlation != self.correlation:
            self.correlation = call.correlation
            records.correlation.set(self.correlation)
        if command.unhurried:
            self.flush()
        slot.begin(id)
        started = clock()
        try:
            value = command.function(*positional, **named)
        except BaseException as error:
            self.ended = clock()
            if self.forked:
                leave_fork(error)
            frame = self.raised(id, command, error, self.ended - started)
        else:
            self.ended = clock()
            if self.forked:
                leave_fork(None)
            frame = self.result(id, value, self.ended - started)
        slot.finish()
        if self.ended - started > LINGER:
            command.unhurried = UNHURRIED
        elif command.unhurried:
            command.unhurried -= 1
        return frame

    def result(self, id: int, value: object, elapsed: int) -> bytes:
        """The frame of a result, or of the failure to encode it."""
        # One message is filled again and again, a third of the cost of making
        # one. Renewed now and then, because what it has held it may keep.
        # (Partial: proto3 has no required fields that could be missing.)
        try:
            self.encoder.put(self.payload, value)
            self.reply.result.id = id
            self.reply.result.elapsed_ns = elapsed
            frame: bytes = self.reply.SerializePartialToString()
            if len(frame) > self.limit:
                raise TooLarge(len(frame), self.limit)
        except BadResult as error:
            return failure(id, Kind.BAD_RESULT, str(error), self.limit, elapsed)
        except TooLarge as error:
            return failure(id, Kind.TOO_LARGE, str(error), self.limit, elapsed)
        except BaseException as error:
            return failure(id, Kind.BAD_RESULT, error, self.limit, elapsed)
        self.reply_bytes += len(frame)
        if self.reply_bytes > CHUNK:
            self.renew_reply()
        return frame

    def renew_reply(self) -> None:
        """A new message for the results to come."""
        self.reply = wire.Frame()
        self.payload = self.reply.result.value
        self.reply_bytes = 0

    def raised(
        self,
        id: int,
        command: commands.Command,
        error: BaseException,
        elapsed: int,
    ) -> bytes:
        """The frame of a failure. A TypeError whose traceback ends here, in
        the call itself, says that the arguments do not fit."""
        if (
            type(error) is TypeError
            and error.__traceback__ is not None
            and error.__traceback__.tb_next is None
        ):
            text = f"{error}; it is {command.name}{command.signature}"
            return failure(id, Kind.BAD_ARGUMENTS, text, self.limit, elapsed)
        return failure(id, Kind.EXCEPTION, error, self.limit, elapsed)

    # -- answers ---------------------------------------------------------------

    def answer(self, frame: bytes) -> None:
        """Sends a frame with the others of this batch, or now if they have
        waited for long enough, or if it is large."""
        if len(frame) > CHUNK:
            self.flush()
            self.sender.send_frame(frame)
            return
        self.pending += (pack_length(len(frame)), frame)
        if self.ended - self.since > LINGER:
            self.flush()

    def flush(self) -> None:
        """Sends what waits."""
        if self.pending:
            self.sender.send(b"".join(self.pending))
            self.pending.clear()
            self.since = self.ended

    # -- signals and forks -----------------------------------------------------

    def on_sigterm(self, number: int, frame: Optional[FrameType]) -> None:
        """Ends the worker: now if it is idle, else after the command."""
        self.stopping = True
        if self.idle:
            raise Stopped

    def disown(self) -> None:
        """In a child that a command has forked: it is no worker, and must not
        speak to the host, nor hold the pipes open."""
        self.forked = True
        progress.current = None
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (self.receiver.fd, self.sender.fd):
            os.dup2(null, fd, inheritable=False)
        os.close(null)
        records.uninstall()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


class VersionError(Exception):
    """Host and worker are of different releases."""

    def __init__(self, theirs: int) -> None:
        super().__init__(
            f"the host speaks version {theirs} of the schema, this worker "
            f"({os.path.dirname(os.path.abspath(__file__))}) version "
            f"{VERSION}: use the package that came with the host"
        )


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


CALL_TAG = 0x12  # field 2 of Frame, length-delimited


def open_frame(data: Bytes) -> Tuple[Optional[str], Any]:
    """What is in a frame, and its kind; None for one of a newer host. Raises
    DecodeError."""
    # Nearly every frame is a call and nothing else: a tag, a length of one or
    # two bytes, the call. To take that apart here saves half of the parsing.
    size = len(data)
    if size > 3 and data[0] == CALL_TAG:
        length = data[1]
        if length < 128:
            if length == size - 2:
                return "call", wire.Call.FromString(data[2:])
        elif data[2] < 128 and length - 128 + (data[2] << 7) == size - 3:
            return "call", wire.Call.FromString(data[3:])
    frame = wire.Frame.FromString(data)
    kind = frame.WhichOneof("body")
    return kind, frame if kind is None else getattr(frame, kind)


def ready(found: commands.Commands, limit: int) -> bytes:
    """The first frame of a worker. Long documentation is cut if need be."""
    for size in (4096, 128, 16):
        told = wire.Ready(
            version=VERSION,
            pid=os.getpid(),
            python_version=platform.python_version(),
            implementation=platform.python_implementation(),
            gil_enabled=getattr(sys, "_is_gil_enabled", lambda: True)(),
            executable=sys.executable,
            commands=[described(command, size) for command in found.values()],
        )
        frame: bytes = wire.Frame(ready=told).SerializeToString()
        if len(frame) <= limit:
            return frame
    raise commands.AdapterError(
        f"{len(found)} commands do not fit a frame of {limit} bytes"
    )


def described(command: commands.Command, size: int) -> wire.Command:
    """What the host is told of a command, its texts cut to this size."""
    return wire.Command(
        name=command.name,
        idempotent=command.idempotent,
        stream=command.stream,
        signature=clean(command.signature, size),
        doc=clean(command.doc, size),
    )
