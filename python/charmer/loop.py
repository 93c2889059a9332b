"""The event loop: one in each worker that has `async def` commands.

In the process profile it runs in the main thread while a coroutine is to be
run; in the thread profile it has a thread of its own, and coroutines of several
calls run on it at once.

asyncio is imported when the first coroutine comes, since it takes 20 ms.

Threading: see the functions.
"""

from __future__ import annotations

import contextvars
import logging
import threading
from typing import TYPE_CHECKING, Any, Callable, Coroutine, List, Optional
from typing import Tuple

if TYPE_CHECKING:
    import asyncio

Outcome = Tuple[Any, Optional[BaseException]]


async def outcome(work: Coroutine[Any, Any, Any]) -> Outcome:
    """What a coroutine returns or raises. As a value, because a SystemExit
    that leaves a task would end the loop and with it the worker."""
    try:
        return await work, None
    except BaseException as error:
        return None, error


def run_on(loop: asyncio.AbstractEventLoop, is_over: Callable[[], Any]) -> None:
    """Runs a loop until it was stopped and that is meant. What a task of the
    user's, or a callback, does to it is no concern of who waits: `stop`, and a
    SystemExit, which leaves the loop."""
    while not is_over():
        try:
            loop.run_forever()
        except (SystemExit, KeyboardInterrupt):
            logging.getLogger("charmer").exception(
                "a task of the event loop has tried to end the worker"
            )


def run_to_end(
    loop: asyncio.AbstractEventLoop, task: asyncio.Task[Outcome]
) -> Outcome:
    """Runs the loop until the task is done."""
    over: List[bool] = []

    def end(_: asyncio.Task[Outcome]) -> None:
        over.append(True)
        loop.stop()

    task.add_done_callback(end)
    # (When the task is done, `end` may yet come, and would stop the next one.)
    run_on(loop, lambda: over)
    return task.result()


def new_loop() -> asyncio.AbstractEventLoop:
    """A loop that is not running yet, the one of this thread."""
    import asyncio

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    return loop


def wind_up(loop: asyncio.AbstractEventLoop) -> None:
    """Cancels what is left on a loop and closes it. In the loop's thread."""
    import asyncio

    if loop.is_closed():  # by the user
        return
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:  # they may refuse, so not for ever
        waiting = outcome(asyncio.wait(left, timeout=5))
        run_to_end(loop, loop.create_task(waiting))
    run_to_end(loop, loop.create_task(outcome(loop.shutdown_asyncgens())))
    loop.close()


class LoopThread:
    """A loop that runs in a thread of its own until it is stopped."""

    def __init__(self) -> None:
        import asyncio

        self.loop = asyncio.new_event_loop()
        self.stopped = False
        self.thread = threading.Thread(
            target=self.work, name="charmer-loop", daemon=True
        )
        self.thread.start()

    def work(self) -> None:
        import asyncio

        name_thread()
        asyncio.set_event_loop(self.loop)
        run_on(self.loop, lambda: self.stopped)
        wind_up(self.loop)

    def run(
        self,
        work: Coroutine[Any, Any, Any],
        begun: Callable[[asyncio.Task[Any]], None],
        wait: Callable[[threading.Event], Any] = threading.Event.wait,
    ) -> Any:
        """Runs a coroutine from another thread, in the context of that, and
        waits for it, by `wait`. `begun` gets its task, in the loop's thread."""
        here = contextvars.copy_context()
        done = threading.Event()
        got: List[Outcome] = []

        def finish(task: asyncio.Task[Outcome]) -> None:
            if not task.cancelled():
                got.append(task.result())
            done.set()

        def begin() -> None:
            task = self.loop.create_task(outcome(work))
            task.add_done_callback(finish)
            begun(task)

        self.loop.call_soon_threadsafe(begin, context=here)
        wait(done)
        if not got:  # it was cancelled before its first step
            import asyncio

            work.close()
            raise asyncio.CancelledError()
        value, error = got[0]
        if error is not None:
            raise error
        return value

    def stop(self) -> None:
        """Ends the loop; what is left on it is cancelled."""

        def end() -> None:
            self.stopped = True
            self.loop.stop()

        self.loop.call_soon_threadsafe(end)
        self.thread.join(10)


def name_thread() -> None:
    """Gives the thread its name in `ps -L` and `top -H` too."""
    thread = threading.current_thread()
    try:
        with open(
            f"/proc/self/task/{threading.get_native_id()}/comm", "w"
        ) as comm:
            comm.write(thread.name[:15])
    except OSError:
        pass  # a name is a comfort
