"""Workers of any profile that hang, grow, and take their time to start."""

import logging
import os
import time

import charmer

log = logging.getLogger("crowd")


class Crowd(charmer.ThreadSafeAdapter):
    def __init__(
        self,
        start_seconds=0.0,
        teardown_seconds=0.0,
        last_status=0,
        refusal=None,
    ):
        self.refusal = refusal  # a file: if there is something in it
        self.start_seconds = start_seconds
        self.teardown_seconds = teardown_seconds
        self.last_status = last_status  # other than 0: dies in its teardown
        self.grown = []

    def setup(self):
        time.sleep(self.start_seconds)
        if self.refusal is not None and os.path.getsize(self.refusal):
            raise RuntimeError("not now")

    def teardown(self):
        time.sleep(self.teardown_seconds)
        if self.last_status != 0:
            if self.last_status < 0:
                os.kill(os.getpid(), -self.last_status)
            os._exit(self.last_status)

    @charmer.command
    def pid(self):
        return os.getpid()

    @charmer.command
    def sleep(self, seconds):
        time.sleep(seconds)
        return seconds

    @charmer.command
    def until(self, path):
        """There is something in that file."""
        while not os.path.getsize(path):
            time.sleep(0.001)
        return "done"

    @charmer.command
    def hang(self):
        """Does not look whether it is still wanted."""
        while True:
            time.sleep(3600)

    @charmer.command(idempotent=True)
    def at_the_second_attempt(self, marker):
        with open(marker, "a") as file:
            file.write("begun\n")
        with open(marker) as file:
            attempts = len(file.readlines())
        if attempts == 1:
            time.sleep(600)
        return attempts

    @charmer.command(idempotent=True)
    def die(self):
        os._exit(1)

    @charmer.command
    def fail(self, text):
        raise ValueError(text)

    @charmer.command
    def grow(self, bytes):
        self.grown.append(b"x" * bytes)
        return len(self.grown)

    @charmer.command
    def ask(self, function):
        return charmer.host.call(function, {})

    @charmer.command
    def log(self, text):
        log.warning(text)

    @charmer.command
    def chatter(self, records, events):
        for _ in range(records):
            log.warning("and so on")
        for _ in range(events):
            charmer.telemetry.emit("chatter", {"n": 1})
        charmer.telemetry.emit("precious", {"n": 1})
