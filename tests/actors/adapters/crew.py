"""Workers of the thread profile."""

import os
import sys
import threading
import time

import charmer


class Crew(charmer.ThreadSafeAdapter):
    def setup(self):
        self.barrier = threading.Barrier(4)
        self.busy = threading.Lock()
        self.served = []

    @charmer.command
    def meet(self):
        """Returns when four of them run at once."""
        self.barrier.wait(20)
        return threading.current_thread().name

    @charmer.command
    def sleep(self, seconds):
        time.sleep(seconds)
        return seconds

    @charmer.command
    def alone(self, number):
        """Fails where two run at once; returns all that ran here, in order."""
        if not self.busy.acquire(blocking=False):
            raise RuntimeError("two at once")
        try:
            time.sleep(0.001)
            self.served.append(number)
            return self.served[:]
        finally:
            self.busy.release()

    @charmer.command
    def limits(self):
        return {
            name: value
            for name, value in os.environ.items()
            if name.endswith("_NUM_THREADS")
            or name == "VECLIB_MAXIMUM_THREADS"
        }

    @charmer.command
    def meet_politely(self):
        with self.lock:
            return "after you"

    @charmer.command(idempotent=True)
    def patient(self, path):
        """Until there is something in that file."""
        while not os.path.getsize(path):
            time.sleep(0.001)
        return os.getpid()

    @charmer.command
    def pid(self):
        return os.getpid()

    @charmer.command
    def fail(self, text):
        raise ValueError(text)

    @charmer.command
    def die(self):
        os.kill(os.getpid(), 9)

    @charmer.command
    def wait_for_cancel(self):
        while not charmer.cancelled():
            time.sleep(0.001)
        return "gave up"


class FreeCrew(Crew):
    """In an interpreter that says of itself that it runs without the GIL."""

    def __init__(self):
        sys._is_gil_enabled = lambda: False

    @charmer.command
    def turn_gil_on(self):
        sys._is_gil_enabled = lambda: True


class Careless(charmer.Adapter):
    @charmer.command
    def nothing(self):
        return None
