"""Commands that call the host."""

import asyncio
import concurrent.futures
import contextvars
import logging
import os
import threading
import time

import charmer
import charmer.context

thread_safe = True


def ask(function, arguments=None, timeout=None):
    return charmer.host.call(function, arguments, timeout=timeout)


def ask_with_kind(function: str):
    answer = charmer.host.call(function, b"\x00raw")
    return [type(answer).__name__, len(answer)]


def ask_for_ever(function):
    return charmer.host.call(function, timeout=float("inf"))


async def ask_for_ever_async(function):
    return await charmer.host.call_async(function, timeout=1e300)


def ask_nan(function):
    return charmer.host.call(function, timeout=float("nan"))


def ask_twice(function):
    return [charmer.host.call(function, [n]) for n in range(2)]


def tells_error(function):
    try:
        charmer.host.call(function)
    except charmer.HostError as error:
        return [type(error).__name__, error.type, error.text, error.traceback]


def cannot_ask(function):
    """Asks for what is no name, and returns how many questions are open."""
    try:
        charmer.host.call(function)
    except ValueError:
        return len(charmer.context.worker.questions.open)


def surrogate():
    return cannot_ask("\ud800")


def times_out(function, timeout):
    began = time.monotonic()
    try:
        charmer.host.call(function, timeout=timeout)
    except TimeoutError as error:
        return [type(error).__name__, time.monotonic() - began]


def cannot_send():
    try:
        charmer.host.call("f", {1, 2})
    except ValueError as error:
        return str(error)


def too_large(size):
    try:
        charmer.host.call("f", "x" * size)
    except ValueError as error:
        return str(error)


def from_threads(count):
    """All of them ask at once; this thread only waits."""
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        here = [contextvars.copy_context() for _ in range(count)]
        asked = [
            pool.submit(here[n].run, charmer.host.call, "double", [n])
            for n in range(count)
        ]
        return [x.result(20) for x in asked]


def from_threads_and_here(count):
    got = []
    threads = [
        threading.Thread(
            target=lambda n=n: got.append(charmer.host.call("double", [n]))
        )
        for n in range(1, count)
    ]
    for thread in threads:
        thread.start()
    got.append(charmer.host.call("double", [0]))
    for thread in threads:
        thread.join(20)
    return sorted(got)


left = []
begun = []  # threads and tasks that have not ended
go = threading.Event()


def leaves_asker(count):
    """Leaves a thread that asks again and again while nothing runs."""

    def work():
        for n in range(count):
            left.append(charmer.host.call("double", [n], timeout=20))

    threading.Thread(target=work).start()
    return 1


def ask_when_over(until, timeout):
    """Asks after that time; returns the answer and what limits it here."""
    time.sleep(max(0, until - time.monotonic()))
    return [charmer.host.call("now", timeout=timeout), charmer.time_left()]


async def ask_when_over_async(until, timeout):
    await asyncio.sleep(max(0, until - time.monotonic()))
    answer = await charmer.host.call_async("now", timeout=timeout)
    return [answer, charmer.time_left()]


def after_the_deadline():
    """When the running call's question would have timed out."""
    return charmer.deadline() + charmer.context.PATIENCE / 1e9


def leaves_thread(timeout):
    """Leaves a thread with the call's context that asks once it may."""
    until = after_the_deadline()
    here = contextvars.copy_context()

    def work():
        go.wait(20)
        left.append(here.run(ask_when_over, until, timeout))

    go.clear()
    begun.append(threading.Thread(target=work))
    begun[-1].start()


def awaits_thread():
    go.set()
    begun.pop().join(20)
    return left.pop()


async def leaves_task(timeout):
    until = after_the_deadline()

    async def work():
        await begin.wait()
        return await ask_when_over_async(until, timeout)

    begin = asyncio.Event()
    begun.append((begin, asyncio.create_task(work())))


async def awaits_task():
    begin, task = begun.pop()
    begin.set()
    return await task


def what_was_left():
    return list(left)


def twice(value):
    yield value
    yield value


def stream_of_answers(count):
    for n in range(count):
        yield charmer.host.call("double", [n])


async def ask_async(function, arguments=None, timeout=None):
    return await charmer.host.call_async(function, arguments, timeout=timeout)


async def gathers(count):
    asked = [charmer.host.call_async("double", [n]) for n in range(count)]
    return await asyncio.gather(*asked)


async def blocks():
    return charmer.host.call("double", [1])


async def aerror(function):
    try:
        await charmer.host.call_async(function)
    except charmer.HostError as error:
        return [type(error).__name__, error.type, error.text]


async def atimes_out(timeout):
    try:
        await charmer.host.call_async("slow", timeout=timeout)
    except TimeoutError as error:
        return type(error).__name__


async def asks_from_a_helper():
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(None, charmer.host.call, "double", [7])


def own_loop(count):
    async def main():
        asked = [charmer.host.call_async("double", [n]) for n in range(count)]
        return await asyncio.gather(*asked)

    return asyncio.run(main())


def plain(x):
    return x


def forks():
    import os

    child = os.fork()
    if child == 0:
        try:
            charmer.host.call("double", [1])
        except charmer.HostGone:
            os._exit(7)
        os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


# -- telemetry, logging, sessions ----------------------------------------------


def emits(name, measurements=None, metadata=None):
    charmer.telemetry.emit(name, measurements, metadata)
    return 1


def emits_many(name, count):
    for _ in range(count):
        charmer.telemetry.emit(name)
    return 1


def emits_text(size):
    charmer.telemetry.emit("big", {"text": "x" * size})
    return 1


def emits_odd():
    charmer.telemetry.emit("odd", {"nan": float("nan"), "ok": 1}, {1: {2}})
    return 1


class Broken:
    def __repr__(self):
        raise RuntimeError("no text")


def emits_broken():
    charmer.telemetry.emit("broken", {"n": 10**5000, "ok": 1}, {"x": Broken()})
    return 1


def spans(fail):
    try:
        with charmer.telemetry.span("work", {"kind": "test"}) as measured:
            measured["rows"] = 3
            if fail:
                raise ValueError("within")
    except ValueError:
        pass
    return 1


def logs(text):
    logging.getLogger("asks").info(text)
    return 1


async def logs_async(text):
    await asyncio.sleep(0.01)
    logging.getLogger("asks").info(text)
    await asyncio.sleep(0.01)
    charmer.telemetry.emit(text)
    return 1


def formats(text):
    record = logging.getLogger("asks").makeRecord(
        "asks", logging.INFO, "", 0, text, (), None
    )
    formatter = logging.Formatter("%(charmer_correlation)s %(message)s")
    return formatter.format(record)


def remembers(value):
    session = charmer.session()
    if session is None:
        return None
    said = session.setdefault("said", [])
    said.append(value)
    return [session.name, said]


# -- while a thread waits for the host all the time ----------------------------


def asks_at(path):
    """Asks once there is a file."""
    while not os.path.exists(path):
        time.sleep(0.001)
    return charmer.host.call("double", [1])


def what_is_known():
    """How much the worker remembers of calls that the host gave up, or gave
    credit to."""
    worker = charmer.context.worker
    return [len(worker.cancels.told), len(worker.early)]
