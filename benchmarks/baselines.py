#!/usr/bin/env python3
"""What Python itself offers, measured inside Python.

    baselines.py CONTESTANT MEASURE --workers 2 --seconds 1
                 [--in-flight 256] [--worker-core 1]

CONTESTANT is `executor` (concurrent.futures.ProcessPoolExecutor) or `pool`
(multiprocessing.Pool). MEASURE is `sequential` (one call after the other: the
median of all, in microseconds) or `throughput` (so many calls in flight, none
of them in batches: calls per second). Prints the figure.

Each is used in the way that is fastest for it: from a completed call's callback
the next call is made, so that no thread of the application has to be woken
for it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any, Callable, List, Optional

import commands

# As JSON text it has 64 bytes, quotes included.
TEXT = "x" * 62

# Before the clock starts, this part of the time is spent in the same way.
WARM_UP = 0.2

Done = Callable[[Any], None]
Setup = Optional[Callable[[], None]]


# -- contestants ---------------------------------------------------------------


class Executor:
    """concurrent.futures.ProcessPoolExecutor."""

    def __init__(self, workers: int, initializer: Setup) -> None:
        self._pool = ProcessPoolExecutor(workers, initializer=initializer)

    def echo(self) -> str:
        return self._pool.submit(commands.echo, TEXT).result()

    def add(self, done: Done) -> None:
        future = self._pool.submit(commands.add, 5, 3)
        future.add_done_callback(lambda x: done(x.result()))

    def close(self) -> None:
        self._pool.shutdown()


class Pool:
    """multiprocessing.Pool."""

    def __init__(self, workers: int, initializer: Setup) -> None:
        self._pool = multiprocessing.Pool(workers, initializer)

    def echo(self) -> str:
        return self._pool.apply(commands.echo, (TEXT,))

    def add(self, done: Done) -> None:
        self._pool.apply_async(commands.add, (5, 3), callback=done)

    def close(self) -> None:
        self._pool.close()
        self._pool.join()


# -- measures ------------------------------------------------------------------


def sequential(contestant: Any, seconds: float) -> float:
    """Microseconds for one call, the median of those in so many seconds."""
    now = time.perf_counter
    begin = now() + seconds * WARM_UP
    end = begin + seconds
    times = []
    start = now()
    while start < end:
        if contestant.echo() != TEXT:
            raise SystemExit("the echo is wrong")
        stop = now()
        if start >= begin:
            times.append(stop - start)
        start = stop
    return statistics.median(times) * 1e6


class Flight:
    """Keeps calls in flight: whatever completes makes the next call."""

    def __init__(self, contestant: Any, in_flight: int) -> None:
        self._contestant = contestant
        self._landed = threading.Semaphore(0)
        self._in_flight = in_flight
        self._going_on = True
        self._wrong: List[int] = []
        self.completed = 0
        for _ in range(in_flight):
            contestant.add(self._done)

    def _done(self, value: int) -> None:
        if value != 8:
            self._wrong.append(value)
        self.completed += 1
        if self._going_on:
            self._contestant.add(self._done)
        else:
            self._landed.release()

    def land(self) -> None:
        self._going_on = False
        for _ in range(self._in_flight):
            if not self._landed.acquire(timeout=60):
                raise SystemExit("a call was lost")
        if self._wrong:
            raise SystemExit(f"5 + 3 is not {self._wrong[0]}")


def throughput(contestant: Any, seconds: float, in_flight: int) -> float:
    """Calls per second."""
    flight = Flight(contestant, in_flight)
    time.sleep(seconds * WARM_UP)
    before, begin = flight.completed, time.perf_counter()
    time.sleep(seconds)
    after, end = flight.completed, time.perf_counter()
    flight.land()
    return (after - before) / (end - begin)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("contestant", choices=["executor", "pool"])
    parser.add_argument("measure", choices=["sequential", "throughput"])
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--in-flight", type=int, default=256)
    parser.add_argument("--worker-core", type=int)
    said = parser.parse_args()
    setup = None
    if said.worker_core is not None:
        setup = partial(commands.move_to, said.worker_core)
    make = {"executor": Executor, "pool": Pool}[said.contestant]
    contestant = make(said.workers, setup)
    if said.measure == "sequential":
        value = sequential(contestant, said.seconds)
    else:
        value = throughput(contestant, said.seconds, said.in_flight)
    contestant.close()
    print(value)


if __name__ == "__main__":
    main()
