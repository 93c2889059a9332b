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

Threading: a `Slot` belongs to one thread that runs commands; `Cancellations`
may be asked by any.
"""

from __future__ import annotations

import mmap
from typing import FrozenSet, Optional, Set, Tuple

MAGIC = 0x43484D5200000001
RING = 256  # without a page of the host's

THREADS_AT, RING_SIZE_AT, CANCEL_COUNT_AT = 1, 2, 3
HEADER = 8
BEGUN, FINISHED, RUNNING = 0, 1, 2

Words = memoryview


def words_of(page: Optional[mmap.mmap], threads: int = 1) -> Words:
    """The page as words; memory of this process alone if there is none.
    Raises ValueError if it is something else, or has too few threads."""
    if page is None:
        size = 8 * (HEADER + RING) * (1 + threads)
        words = memoryview(bytearray(size)).cast("Q")
        words[0], words[THREADS_AT], words[RING_SIZE_AT] = MAGIC, threads, RING
    else:
        words = memoryview(page).cast("Q")
    if words[0] != MAGIC:
        raise ValueError(f"the progress page begins with {words[0]:#x}")
    if words[THREADS_AT] < threads:
        raise ValueError(
            f"the progress page is one for {words[THREADS_AT]} threads; "
            f"the host wants {threads}"
        )
    return words


class Cancellations:
    """Which calls the host has cancelled: those of the ring, which costs no
    reading of frames, and those of which a Cancel frame told."""

    def __init__(self, words: Words) -> None:
        self.words = words
        self.ring = words[RING_SIZE_AT]
        # How many there were at the last look, and which. Always together: two
        # threads that look at once may finish in any order.
        self.looked: Tuple[int, FrozenSet[int]] = (0, frozenset())
        self.told: Set[int] = set()

    def has(self, call: int) -> bool:
        """Whether the host has cancelled this call."""
        seen, in_ring = self.looked
        if self.words[CANCEL_COUNT_AT] != seen:
            count: int = self.words[CANCEL_COUNT_AT]
            ids = self.words[HEADER : HEADER + min(count, self.ring)]
            in_ring = frozenset(ids.tolist())
            self.looked = count, in_ring
        return call in in_ring or call in self.told

    def add(self, call: int) -> None:
        """A Cancel frame has told of it."""
        self.told.add(call)

    def forget(self, call: int) -> None:
        """It has been answered. (The host does not use an id twice.)"""
        self.told.discard(call)


class Slot:
    """One thread's part of the page."""

    def __init__(self, cancels: Cancellations, thread: int = 0) -> None:
        self.cancels = cancels
        words = self.words = cancels.words
        ring = words[RING_SIZE_AT]
        start = (HEADER + ring) * (1 + thread)
        self.block = words[start : start + HEADER + ring]
        self.mask = ring - 1
        # The counts are this thread's to write; to read them back costs more
        # than to remember them.
        self.begun: int = self.block[BEGUN]
        self.finished: int = self.block[FINISHED]

    def begin(self, call: int) -> bool:
        """Writes down that a call begins. False: it was cancelled, and does
        not."""
        cancels = self.cancels
        if self.words[CANCEL_COUNT_AT] or cancels.told:
            if cancels.has(call):
                return False
        block = self.block
        count = self.begun
        block[HEADER + (count & self.mask)] = call
        self.begun = block[BEGUN] = count + 1
        block[RUNNING] = call
        return True

    def finish(self) -> None:
        """Writes down that the running call is over."""
        block = self.block
        self.finished = block[FINISHED] = self.finished + 1
        block[RUNNING] = 0
