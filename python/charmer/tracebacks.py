"""What every thread and every coroutine of a worker does, on request.

The host asks by the signal DUMP when a call runs too long, and puts the answer
into the error. First comes what Python's faulthandler writes, which needs no
interpreter that moves: a command that hangs in C is found so. Then, if Python
code can run, which thread runs which call, and the coroutines of the event
loop, because one that waits is in no thread's stack; then the line END, by which the host knows that this is all.

Threading: the handler runs in the main thread, between any two steps of it.
"""

from __future__ import annotations

import faulthandler
import gc
import os
import signal
from types import FrameType
from typing import TYPE_CHECKING, Any, List, Optional, Tuple

from charmer import context
from charmer.descriptors import move_up
from charmer.failures import HERE

if TYPE_CHECKING:
    import asyncio

DUMP = signal.SIGRTMIN + 4
END = "End of all tracebacks"
MAX_TASKS = 64
MAX_FRAMES = 50  # of one coroutine

Place = Tuple[str, int, str]


def write_on_request() -> None:
    """From now on DUMP is answered, and crashes in C write the same. To a
    descriptor of its own, which user code that closes stderr does not have."""
    try:
        fd = move_up(2)
    except OSError:
        return  # there is no stderr

    def write_coroutines(number: int, frame: Optional[FrameType]) -> None:
        try:
            text = "".join([*busy(), *(described(*x) for x in tasks())])
        except Exception as error:  # of a user's awaitable that is odd
            text = f"  <coroutines: {type(error).__name__}>\n"
        try:
            os.write(fd, f"{text}{END}\n".encode("utf-8", "backslashreplace"))
        except OSError:
            pass  # nobody reads it

    faulthandler.enable(fd)
    signal.signal(DUMP, write_coroutines)
    faulthandler.register(DUMP, fd, all_threads=True, chain=True)


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
    lines = [f"Coroutine {name} (most recent call first):\n"]
    for file, line, function in reversed(places[-MAX_FRAMES:]):
        lines.append(f'  File "{file}", line {line} in {function}\n')
    return "".join(lines)


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
