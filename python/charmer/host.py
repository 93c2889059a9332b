"""Calls from Python to the application: functions that it has registered.

    price = charmer.host.call("price_of", {"item": 7}, timeout=2.0)

    @charmer.command
    async def total(self, items: list) -> float:
        found = [charmer.host.call_async("price_of", [x]) for x in items]
        return sum(await asyncio.gather(*found))

Arguments are one JSON value, bytes, or a Protobuf message; so is the answer. An
error of the application arrives as `HostError`, with its type and text.

A command that waits for the host keeps its thread: the process profile runs no
other command meanwhile, so a function of the application that calls back into
the same pool needs another worker for it.

Threading: any thread, those that a command has started included; in coroutines
`call_async`, because `call` would stop the event loop (it says so).
"""

from __future__ import annotations

import contextvars
import functools
import sys
from typing import TYPE_CHECKING, Any, Optional

from charmer import context

if TYPE_CHECKING:
    import asyncio  # takes 20 ms, which only those pay who use it

    from charmer.questions import Question


class HostError(Exception):
    """The application answered with an error, or could not be asked. `type` is
    what the application calls it, `text` says more, `traceback` is empty unless
    the error came from another Python worker."""

    def __init__(self, type: str, text: str, traceback: str = "") -> None:
        super().__init__(f"{type}: {text}" if type else text)
        self.type = type
        self.text = text
        self.traceback = traceback


class HostTimeout(HostError, TimeoutError):
    """No answer in time. What the function did nobody knows."""


class HostGone(HostError, ConnectionError):
    """There is no application: it has ended, or this is no worker."""


def call(
    function: str, arguments: Any = None, *, timeout: Optional[float] = None
) -> Any:
    """Calls a function of the application and waits for its answer.

    Args:
        function: the name under which the application registered it.
        arguments: any JSON value, bytes, or a message.
        timeout: seconds to wait; what is left of the running call's deadline
            if not given. A task or thread that goes on when its call has ended
            has no other limit than this.

    Raises HostError, HostTimeout, HostGone; charmer.Cancelled when the running
    call is cancelled meanwhile; ValueError if the arguments cannot be sent.
    """
    if within_loop():
        raise RuntimeError(
            "charmer.host.call would stop the event loop: "
            "await charmer.host.call_async(…)"
        )
    asked = question(function, arguments, timeout)
    try:
        asked.send()
        asked.conversation.wait(asked.settled, asked.until)
        return asked.answer()
    finally:
        asked.forget()


async def call_async(
    function: str, arguments: Any = None, *, timeout: Optional[float] = None
) -> Any:
    """The same for coroutines: the event loop goes on meanwhile."""
    import asyncio

    loop = asyncio.get_running_loop()
    worker = context.worker
    if worker is not None and worker.loop_is(loop):
        return await ask_on(loop, question(function, arguments, timeout))
    # A loop of the user's: nobody reads the pipe there.
    asked = functools.partial(call, function, arguments, timeout=timeout)
    here = contextvars.copy_context()
    return await loop.run_in_executor(None, here.run, asked)


async def ask_on(loop: asyncio.AbstractEventLoop, asked: Question) -> Any:
    """Asks from the worker's own loop."""
    import asyncio

    answered: asyncio.Future[None] = loop.create_future()

    def settle() -> None:
        if not answered.done():
            answered.set_result(None)

    asked.on_reply = lambda: asked.conversation.soon(settle)
    if asked.conversation.closed:  # nobody will reply
        settle()
    try:
        asked.send()
        await asyncio.wait_for(answered, asked.left())
    except asyncio.TimeoutError:
        pass  # the answer says so
    finally:
        asked.forget()
    return asked.answer()


def question(
    function: str, arguments: Any, timeout: Optional[float]
) -> Question:
    """A question to the host, which has not been sent yet."""
    worker = context.worker
    if worker is None:
        raise HostGone("", "there is no host: this is not a worker")
    return worker.question(function, arguments, timeout)


def within_loop() -> bool:
    """Whether an event loop runs in this thread."""
    if "asyncio" not in sys.modules:
        return False
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
