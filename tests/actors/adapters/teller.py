"""A worker that tells what it is told to, and is as well as a file says."""

import logging
import os
import time

import charmer

log = logging.getLogger("teller")


class Teller(charmer.Adapter):
    thread_safe = True

    def __init__(self, mood=None, **ignored):
        self.mood = mood  # a file: what the worker is to say of itself

    def says(self):
        if self.mood is None or not os.path.exists(self.mood):
            return ""
        with open(self.mood) as file:
            return file.read()

    def setup(self):
        if self.says() == "will not start":
            raise RuntimeError("not today")

    def health_check(self):
        if self.says() == "hangs":
            time.sleep(600)
        if self.says() == "slow":
            time.sleep(0.4)
        if self.says() == "cancels":
            raise charmer.Cancelled("a client of its own was closed")
        return self.says() != "ill"

    @charmer.command
    def pid(self):
        return os.getpid()

    @charmer.command
    def emit(self, name, measurements, metadata):
        charmer.telemetry.emit(name, measurements, metadata)

    @charmer.command
    def emit_many(self, name, count):
        for _ in range(count):
            charmer.telemetry.emit(name, {"n": 1})

    @charmer.command
    def log(self, text):
        log.warning(text)

    @charmer.command
    def works(self, seconds):
        time.sleep(seconds)
        return seconds

    @charmer.command
    def gil_is_back(self):
        """What the worker tells when an extension turns the GIL on."""
        charmer.telemetry.send("charmer.worker.gil_enabled", {"count": 1}, {})
