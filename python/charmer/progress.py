"""The progress page: what this worker is doing, readable after kill -9.

A memfd that host and worker map. All words are 64-bit and native:

    0              magic
    1              threads T of the worker
    2              ring size R, a power of two
    3              cancel_count: calls that the host has cancelled so far
    8 … 8+R-1      their ids, the n-th (from 0) at 8 + n % R
    then for each thread a block of 8+R words:
      0            begun_count
      1            finished_count
      2            the id that runs now, 0 when idle
      8 … 8+R-1    the ids that have begun, the n-th at 8 + n % R

A store takes about 30 ns. An id is in the ring before it is counted and before
the command runs, so a call that is not there has never begun.

Threading: a `Slot` belongs to the thread that runs commands; `cancelled` may
be called from anywhere.
"""

from __future__ import annotations

import mmap
from typing import FrozenSet, Optional

MAGIC = 0x43484D5200000001
RING = 256  # without a page of the host's

THREADS_AT, RING_SIZE_AT, CANCEL_COUNT_AT = 1, 2, 3
HEADER = 8
BEGUN, FINISHED, RUNNING = 0, 1, 2


class Slot:
    """One thread's part of the page, and the cancellations."""

    def __init__(self, page: Optional[mmap.mmap], thread: int = 0) -> None:
        words = memoryview(page if page is not None else bytearray(8192))
        words = words.cast("Q")
        if page is None:
            words[0], words[THREADS_AT], words[RING_SIZE_AT] = MAGIC, 1, RING
        if words[0] != MAGIC:
            raise ValueError(f"the progress page begins with {words[0]:#x}")
        self.ring = words[RING_SIZE_AT]
        start = HEADER + self.ring + thread * (HEADER + self.ring)
        self.words = words
        self.block = words[start : start + HEADER + self.ring]
        self.mask = self.ring - 1
        self.cancels_seen = 0
        self.cancelled_ids: FrozenSet[int] = frozenset()

    def begin(self, call: int) -> None:
        """Writes down that a call begins."""
        block = self.block
        count = block[BEGUN]
        block[HEADER + (count & self.mask)] = call
        block[BEGUN] = count + 1
        block[RUNNING] = call

    def finish(self) -> None:
        """Writes down that the running call is over."""
        block = self.block
        block[FINISHED] += 1
        block[RUNNING] = 0

    def is_cancelled(self, call: int) -> bool:
        """Whether the host has cancelled this call."""
        count = self.words[CANCEL_COUNT_AT]
        if count != self.cancels_seen:
            ids = self.words[HEADER : HEADER + min(count, self.ring)]
            self.cancelled_ids = frozenset(ids.tolist())
            self.cancels_seen = count
        return call in self.cancelled_ids

    def running_is_cancelled(self) -> bool:
        """Whether the host has cancelled the call that runs now."""
        return self.is_cancelled(self.block[RUNNING])


current: Optional[Slot] = None
"""The slot of the worker; None outside a worker, as in an adapter's tests."""


def cancelled() -> bool:
    """Whether the running call has been cancelled: its caller gave up, or its
    deadline has passed. A command that takes long asks now and then and
    returns early; the worker is replaced if it does not within the grace.
    Costs a fraction of a microsecond. Outside a worker it is False.

        for row in rows:
            if charmer.cancelled():
                return None
            work(row)
    """
    return current is not None and current.running_is_cancelled()
