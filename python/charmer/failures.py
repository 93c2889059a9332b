"""Failures: exceptions as the host sees them.

Whatever the exception does (a `__str__` that raises, a cause that leads back to
itself, a gigabyte of text), a Failure comes out that fits a frame.

Threading: any thread.
"""

from __future__ import annotations

import os
import traceback
from types import TracebackType
from typing import List, Optional, Union

from charmer.texts import MAX_TEXT, clean, type_name
from charmer.wire import frames_pb2 as wire

MAX_CAUSES = 8
MAX_FRAMES = 200  # of a traceback, the innermost ones

HERE = os.path.dirname(os.path.abspath(__file__))


def failure(
    call: int,
    kind: wire.Failure.Kind,
    what: Union[str, BaseException],
    limit: int,
    elapsed_ns: int = 0,
) -> bytes:
    """The frame of a failure: of an exception, with its traceback and what
    caused it, or of something that one sentence says. The texts are shortened
    until the frame is within `limit`."""
    size = MAX_TEXT
    while True:
        failed = wire.Failure(
            id=call,
            kind=kind,
            exception=describe(what, size),
            elapsed_ns=elapsed_ns,
        )
        frame: bytes = wire.Frame(failure=failed).SerializeToString()
        if len(frame) <= limit or size < 16:
            return frame
        size //= 4


def describe(what: Union[str, BaseException], size: int) -> wire.Exception:
    """The exception, its texts of at most this size."""
    if isinstance(what, str):
        return wire.Exception(text=clean(what, size))
    try:
        return chain(what, size)
    except Exception:
        return wire.Exception(
            type=type_name(type(what)),
            text="(this exception cannot be described)",
        )


def chain(error: BaseException, size: int) -> wire.Exception:
    """The exception and the chain of its causes, cycles cut."""
    first = described = wire.Exception()
    seen: List[BaseException] = []
    cause: Optional[BaseException] = error
    while cause is not None and len(seen) < MAX_CAUSES:
        if any(cause is known for known in seen):
            break
        if seen:
            described = described.cause
        seen.append(cause)
        described.type = clean(type_name(type(cause)), size)
        described.text = clean(text_of(cause), size)
        described.traceback = clean(traceback_of(cause), size)
        cause = cause_of(cause)
    return first


def cause_of(error: BaseException) -> Optional[BaseException]:
    """What Python would print above it."""
    if error.__cause__ is not None or error.__suppress_context__:
        return error.__cause__
    return error.__context__


def text_of(error: BaseException) -> str:
    """`str` of the exception, whatever its `__str__` does."""
    try:
        return str(error)
    except BaseException as broken:
        return f"(its __str__ raised {type_name(type(broken))})"


def traceback_of(error: BaseException) -> str:
    """The traceback as Python prints it, without the worker's own frames and
    without the causes, which travel on their own."""
    tb = error.__traceback__
    while tb is not None and is_own(tb):
        tb = tb.tb_next
    try:
        lines = traceback.format_exception(
            type(error), error, tb, limit=-MAX_FRAMES, chain=False
        )
    except Exception:  # a broken __str__, in Pythons that do not guard it
        lines = ["Traceback (most recent call last):\n"]
        lines += traceback.format_tb(tb, limit=-MAX_FRAMES)
        lines.append(f"{type_name(type(error))}: {text_of(error)}\n")
    return "".join(lines)


def is_own(tb: TracebackType) -> bool:
    """Whether a frame belongs to the worker or to the import machinery."""
    name = tb.tb_frame.f_code.co_filename
    return (
        name.startswith("<frozen importlib")
        or os.path.dirname(os.path.abspath(name)) == HERE
        or os.path.basename(os.path.dirname(name)) == "importlib"
    )
