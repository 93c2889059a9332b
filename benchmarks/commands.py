"""What the workers of every contestant run: as the adapter of a charmer pool,
and called by ProcessPoolExecutor and multiprocessing.Pool."""

import os
import time

thread_safe = True  # nothing here is shared


def echo(x: object) -> object:
    return x


def add(a: int, b: int) -> int:
    return a + b


def work(milliseconds: float) -> None:
    """Computes for so long, however often it is interrupted."""
    end = time.thread_time() + milliseconds / 1000
    while time.thread_time() < end:
        pass


def sum_up(to: int) -> int:
    """Computes in Python alone."""
    total = 0
    for x in range(to):
        total += x
    return total


def process_after(milliseconds: float) -> int:
    """Sleeps; the number of this process."""
    time.sleep(milliseconds / 1000)
    return os.getpid()


def move_to(core: int) -> None:
    """The worker runs on this core from now on."""
    os.sched_setaffinity(0, [core])
