"""Commands that stream, and coroutines. For both profiles."""

import asyncio
import functools
import itertools
import os
import sys
import threading
import time

import charmer

thread_safe = True


def mark(path: str, text: str) -> None:
    with open(path, "a") as file:
        file.write(text + "\n")


async def stops_the_loop(pause: float) -> str:
    """As who takes it for his own does."""
    asyncio.get_running_loop().stop()
    if pause:
        await asyncio.sleep(pause)
    return "done"


def closes_the_loop() -> None:
    asyncio.get_event_loop().close()


def count(to: int, log: str = ""):
    """Counts; writes down how far it was advanced, and its end."""
    try:
        for n in range(to):
            if log:
                mark(log, f"made {n}")
            yield n
    finally:
        if log:
            mark(log, "closed")


def endless(log: str = ""):
    return count(10**12, log)


def forever():
    """Advances without end."""
    yield from itertools.count()


def fails_midway(log: str):
    try:
        yield 1
        yield 2
        raise ValueError("in the middle")
    finally:
        mark(log, "closed")


def bad_chunk():
    yield 1
    yield {2, 3}


def large_chunk(size: int):
    yield "small"
    yield "x" * size


def raw_chunks():
    yield b"\x00\xff"
    yield b""
    yield "text"


def nothing():
    return
    yield


def plain(x):
    return x


def iterator():
    return map(str, [1, 2])


def asks_within(log: str):
    try:
        while True:
            charmer.check_cancelled()
            time.sleep(0.001)
        yield
    finally:
        mark(log, "closed")


def fails_when_closed():
    try:
        yield 1
        yield 2
    finally:
        raise RuntimeError("cannot close")


# -- behind a decorator that knows nothing of such functions -------------------


def decorated(function):
    @functools.wraps(function)
    def wrapper(*args, **named):
        return function(*args, **named)

    return wrapper


@decorated
async def hidden_add(a: int, b: int) -> int:
    await asyncio.sleep(0)
    return a + b


@decorated
async def hidden_raises(text: str):
    raise ValueError(text)


@decorated
def hidden_count(to: int):
    yield from range(to)


@decorated
async def hidden_acount(to: int):
    for n in range(to):
        await asyncio.sleep(0)
        yield n


@decorated
async def hidden_bad():
    return {1, 2}


@decorated
async def hidden_sleeps(log: str):
    await sleeps(log)


@decorated
async def hidden_nap(seconds: float) -> None:
    await asyncio.sleep(seconds)


class Awaited:
    """As what compiled code, or a client library, calls a coroutine."""

    def __init__(self, value) -> None:
        self.value = value

    def __await__(self):
        yield from asyncio.sleep(0).__await__()
        return self.value


def awaitable(value):
    return Awaited(value)


# -- coroutines ----------------------------------------------------------------


async def add(a: int, b: int) -> int:
    await asyncio.sleep(0)
    return a + b


async def where() -> list:
    loop = asyncio.get_running_loop()
    return [id(loop), threading.current_thread().name]


async def nap(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "woke"


async def raises(text: str):
    await asyncio.sleep(0)
    raise ValueError(text)


async def exits():
    raise SystemExit(3)


async def refuses() -> str:
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        return "went on"


async def sleeps(log: str):
    try:
        mark(log, "begun")
        await asyncio.sleep(60)
    finally:
        mark(log, "cleaned")


meeting = {}


async def meet(of: int) -> int:
    """Returns when so many of them run at once."""
    if "all" not in meeting:
        meeting.update(all=asyncio.Event(), here=0)
    meeting["here"] += 1
    if meeting["here"] == of:
        meeting["all"].set()
    await asyncio.wait_for(meeting["all"].wait(), 20)
    return meeting["here"]


async def acount(to: int, log: str = ""):
    try:
        for n in range(to):
            if log:
                mark(log, f"made {n}")
            await asyncio.sleep(0)
            yield n
    finally:
        await asyncio.sleep(0)
        if log:
            mark(log, "closed")


async def afails():
    yield 1
    raise ValueError("in the middle")


async def leaves_exit() -> int:
    """Leaves a task, and a callback, that would end the program."""

    async def work():
        sys.exit("from a task")

    loop = asyncio.get_running_loop()
    loop.call_soon(sys.exit, "from a callback")
    leaves_exit.kept = asyncio.ensure_future(work())
    await asyncio.sleep(0.01)
    return 1


async def leaves_task(log: str) -> int:
    async def work():
        try:
            await asyncio.sleep(60)
        finally:
            mark(log, "cleaned")

    leaves_task.kept = asyncio.ensure_future(work())
    await asyncio.sleep(0)
    return 1


# -- being cancelled -----------------------------------------------------------


def times() -> list:
    return [charmer.deadline(), charmer.time_left(), time.monotonic()]


async def times_async() -> list:
    return times()


def checks() -> str:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            charmer.check_cancelled()
            time.sleep(0.001)
        except Exception:
            return "swallowed"
    return "never"


def ends_as_if_cancelled(how: str) -> None:
    """Nobody has cancelled the call."""
    raise asyncio.CancelledError("its own") if how == "asyncio" else (
        charmer.Cancelled("its own")
    )


async def ends_as_if_cancelled_async(how: str) -> None:
    if how == "asyncio":
        task = asyncio.ensure_future(asyncio.sleep(60))
        await asyncio.sleep(0)
        task.cancel()
        await task
    raise charmer.Cancelled("its own")


def stream_ends_as_if_cancelled(how: str):
    yield 1
    ends_as_if_cancelled(how)


def thread_asks() -> list:
    """What a thread sees that got the context, and one that did not."""
    import contextvars

    seen = []
    here = contextvars.copy_context()
    for run in (lambda f: here.run(f), lambda f: f()):
        work = lambda: seen.append(charmer.deadline() is not None)  # noqa: E731
        thread = threading.Thread(target=run, args=(work,))
        thread.start()
        thread.join()
    return seen


def hangs(path: str) -> None:
    mark(path, "begun")
    time.sleep(60)


def touch(path: str) -> int:
    mark(path, "touched")
    return os.getpid()


# -- coroutines that return what is not over -----------------------------------


async def returns_generator(to: int, log: str = ""):
    await asyncio.sleep(0)
    return count(to, log)


async def returns_async_generator(to: int, log: str = ""):
    await asyncio.sleep(0)
    return acount(to, log)


async def returns_coroutine(a: int, b: int):
    return add(a, b)


async def returns_task(a: int, b: int):
    return asyncio.ensure_future(add(a, b))


async def returns_awaitable_generator(to: int):
    return returns_async_generator(to)
