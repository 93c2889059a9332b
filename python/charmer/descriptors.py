"""Keeps the descriptors of the protocol away from user code.

Frames come in on fd 0 and go out on fd 1. Before any user code is imported,
both move to high, close-on-exec numbers; fd 0 then reads /dev/null and fd 1 is
stderr. Replacing `sys.stdout` would not be enough: C code prints, subprocesses
inherit, and user code closes descriptors.

Only the standard library is used here, and little of it: this runs first.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import resource
import stat
import sys
from typing import NamedTuple, Optional, Tuple

PAGE = 3
"""The descriptor on which the host hands over the progress page."""


class Taken(NamedTuple):
    """What the host has given to this worker."""

    incoming: int
    outgoing: int
    page: Optional[mmap.mmap]


def take() -> Taken:
    """Takes the descriptors. REQUIRES: no other thread runs yet."""
    page = take_page()
    incoming = move_up(0)
    outgoing = move_up(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    # What user code prints is for a human who reads along: whole lines, now,
    # and never an exception because of a character.
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(line_buffering=True, errors="backslashreplace")
    return Taken(incoming, outgoing, page)


def move_up(fd: int) -> int:
    """Moves a descriptor out of the range that user code closes in loops."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = 900 if soft == resource.RLIM_INFINITY else min(900, soft - 16)
    moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, max(lowest, 4))
    os.set_blocking(moved, True)
    return moved


def wake_pipe() -> Tuple[int, int]:
    """A pipe by which one thread wakes another, whose writer never waits."""
    reader, writer = os.pipe()
    try:
        ends = move_up(reader), move_up(writer)
    finally:
        os.close(reader)
        os.close(writer)
    os.set_blocking(ends[1], False)
    return ends


def take_page() -> Optional[mmap.mmap]:
    """Maps the progress page and closes its descriptor. None: there is none,
    which leaves whatever else is on that descriptor alone."""
    try:
        status = os.fstat(PAGE)
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode) or status.st_size < mmap.PAGESIZE:
        return None
    page = mmap.mmap(PAGE, status.st_size)
    os.close(PAGE)
    return page
