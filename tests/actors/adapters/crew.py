"""Workers of the thread profile."""

import os
import threading
import time

import charmer


class Crew(charmer.ThreadSafeAdapter):
    def setup(self):
        self.barrier = threading.Barrier(4)

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
    def limits(self):
        return [os.environ["OMP_NUM_THREADS"], os.getpid()]

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


class Careless(charmer.Adapter):
    @charmer.command
    def nothing(self):
        return None
