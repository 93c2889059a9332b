"""What every thread and every coroutine of a worker does, on request.

The host asks by the signal DUMP when a call runs too long, and puts the answer
into the error. A thread of its own waits for the signal, so that whatever the
others do needs not end for it: they are asked where they are while they hold
still, because it has the GIL. First comes the stack of each in the form of
Python's faulthandler; then which thread runs which call, and the coroutines of
the event loop, because one that waits is in no thread's stack; then the line
END, by which the host knows that this is all. A newline comes before it all:
a progress bar leaves its line without one. The number of a call is that of its
frames; beside it stands the correlation id, if its caller has given one.

A function in C that keeps the GIL leaves the thread no turn. The host, which
hears nothing then, sends LAST_DUMP, and faulthandler writes without the GIL: in
a worker with one thread for commands the stack of that, which holds still as it
is the one that is interrupted. In one with several all stacks, and that is for
a worker that will not live on: a frame that is left while faulthandler reads it
ends the whole process.

Threading: the thread `charmer-stacks`. DUMP is blocked in all others, and so
in programs that they start; not in children that they fork.
"""

from __future__ import annotations

import faulthandler
import gc
import os
import signal
import sys
import threading
from types import FrameType
from typing import TYPE_CHECKING, Any, Iterable, List, Optional, Tuple

from charmer import context
from charmer.descriptors import move_up
from charmer.failures import HERE
from charmer.loop import name_thread

if TYPE_CHECKING:
    import asyncio

DUMP = signal.SIGRTMIN + 4
LAST_DUMP = signal.SIGRTMIN + 5
END = "End of all tracebacks"
MAX_THREADS = 100
MAX_TASKS = 64
MAX_FRAMES = 50  # of one thread or coroutine

Place = Tuple[str, int, str]

to: Optional[int] = None
"""The descriptor for all this; None if there is no stderr."""


def write_on_request() -> None:
    """From now on DUMP is answered, and crashes in C write the same. To a
    descriptor of its own, which user code that closes stderr does not have.
    REQUIRES: the main thread, before it starts others."""
    global to
    try:
        to = move_up(2)
    except OSError:
        return  # there is no stderr
    faulthandler.enable(to)
    write_at_last(all_threads=False)
    # A thread that was there before this one, as an agent that Python loads at
    # its start may have, does not block DUMP: what it gets, the main thread
    # answers.
    signal.signal(DUMP, lambda number, frame: write())
    signal.pthread_sigmask(signal.SIG_BLOCK, {DUMP})
    threading.Thread(
        target=answer_requests, name="charmer-stacks", daemon=True
    ).start()


def leave_to_main_thread() -> None:
    """In a forked child, which has no other: DUMP reaches that."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {DUMP})


def write_at_last(all_threads: bool) -> None:
    """What LAST_DUMP writes: all stacks, or that of the main thread."""
    if to is not None:
        faulthandler.register(LAST_DUMP, to, all_threads=all_threads)


def answer_requests() -> None:
    """The life of the thread."""
    name_thread()
    signal.pthread_sigmask(signal.SIG_BLOCK, {LAST_DUMP})  # of the others
    here = threading.get_ident()
    while True:
        signal.sigwait({DUMP})
        write(but_of=here)


def write(but_of: int = 0) -> None:
    """All that there is to tell, but of one thread. In one go, since each may
    cost another wait for the GIL; but what users' awaitables say of themselves
    comes when the rest is on its way."""
    assert to is not None
    told = ["\n", *stacks(but_of), *busy()]
    try:
        waiting = tasks()
        if waiting:
            os.write(to, encoded(told))
            told = ["\n"]
        told += [described(*x) for x in waiting]
    except OSError:
        return  # nobody reads it
    except Exception as error:  # of a user's awaitable that is odd
        told.append(f"  <coroutines: {type(error).__name__}>\n")
    try:
        os.write(to, encoded([*told, f"{END}\n"]))
    except OSError:
        pass


def encoded(lines: Iterable[str]) -> bytes:
    """The bytes of them, whatever names the user's files have."""
    return "".join(lines).encode("utf-8", "backslashreplace")


def stacks(but_of: int) -> List[str]:
    """Of the threads, where they are at one moment."""
    found = [
        (thread, places_of(frame))
        for thread, frame in sys._current_frames().items()
        if thread != but_of
    ]
    return [
        in_form(f"Thread 0x{thread:016x}", places)
        for thread, places in found[:MAX_THREADS]
    ]


def places_of(frame: Optional[FrameType]) -> List[Place]:
    """Of a stack, the innermost first."""
    places: List[Place] = []
    while frame is not None and len(places) <= MAX_FRAMES:
        code = frame.f_code
        line = frame.f_lineno or code.co_firstlineno
        places.append((code.co_filename, line, code.co_name))
        frame = frame.f_back
    return places


def in_form(of: str, places: List[Place]) -> str:
    """As faulthandler writes it; `places` with the innermost first."""
    lines = [f"{of} (most recent call first):\n"]
    for file, line, function in places[:MAX_FRAMES]:
        lines.append(f'  File "{file}", line {line} in {function}\n')
    if len(places) > MAX_FRAMES:
        lines.append("  ...\n")
    return "".join(lines)


def busy() -> List[str]:
    """Which thread runs what, since faulthandler knows but their numbers."""
    worker = context.worker
    told = [] if worker is None else worker.busy_threads()
    return [
        f"Thread 0x{thread:016x} runs call {call}, command {command}\n"
        for thread, call, command in told
    ]


def tasks() -> List[Tuple[str, asyncio.Task[Any]]]:
    """Those of the worker's loop: of calls first, then what they started."""
    worker = context.worker
    if worker is None or worker.loop is None:
        return []
    import asyncio

    calls = dict(worker.tasks)
    named = [
        (f"of call {id}, command {task.get_name()}", task)
        for id, task in calls.items()
    ]
    for task in asyncio.all_tasks(worker.loop):
        if task not in calls.values():
            named.append((task.get_name(), task))
    return named[:MAX_TASKS]


def described(name: str, task: asyncio.Task[Any]) -> str:
    """In the form of faulthandler: the innermost frame first. Nothing, if
    there is no code but the worker's."""
    places = stack_of(task.get_coro())
    if not places:
        return ""
    return in_form(f"Coroutine {name}", places[::-1])


def stack_of(awaitable: Any) -> List[Place]:
    """Where a coroutine waits, through all that it awaits; the outermost
    first. A task has only the first frame of one that is suspended."""
    places: List[Place] = []
    seen = set()
    while awaitable is not None and id(awaitable) not in seen:
        seen.add(id(awaitable))
        frame, inner = step(awaitable)
        if frame is not None and not is_own(frame):
            code = frame.f_code
            places.append((code.co_filename, frame.f_lineno, code.co_name))
        awaitable = inner
    return places


KINDS = (
    ("cr_frame", "cr_await"),
    ("gi_frame", "gi_yieldfrom"),
    ("ag_frame", "ag_await"),
)


def step(awaitable: Any) -> Tuple[Optional[FrameType], Any]:
    """Its frame, and what it awaits."""
    for frame, inner in KINDS:
        if hasattr(awaitable, frame):
            return getattr(awaitable, frame), getattr(awaitable, inner)
    # What stands between an async generator, or an `__await__`, and its user
    # tells nothing of itself but to the garbage collector.
    if type(awaitable).__module__ == "builtins":
        for inside in gc.get_referents(awaitable):
            if any(hasattr(inside, frame) for frame, _ in KINDS):
                return None, inside
    return None, None


def is_own(frame: FrameType) -> bool:
    """Whether it is the worker's."""
    return os.path.dirname(os.path.abspath(frame.f_code.co_filename)) == HERE
