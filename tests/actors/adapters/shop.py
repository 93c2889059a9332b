"""Workers that the tests of pools share."""

import asyncio
import ctypes
import os
import sys
import time

import google.protobuf.wrappers_pb2  # noqa: F401 (a message that tests send)

import charmer


class Shop(charmer.Adapter):
    @charmer.command
    def add(self, a, b):
        return a + b

    @charmer.command
    def echo(self, x):
        return x

    @charmer.command
    def fail(self, text):
        raise ValueError(text)

    @charmer.command
    def pid(self):
        return os.getpid()

    @charmer.command
    def sleep(self, seconds):
        time.sleep(seconds)
        return seconds

    @charmer.command(idempotent=True)
    def patient(self, seconds, marker):
        with open(marker, "w") as file:
            file.write("begun")
        time.sleep(seconds)
        return seconds

    @charmer.command
    def hasty(self, seconds, marker):
        return self.patient(seconds, marker)

    @charmer.command
    def die(self, how):
        if how == "exit":
            os._exit(3)
        if how == "segfault":
            ctypes.string_at(0)
        os.kill(os.getpid(), 9)

    @charmer.command(idempotent=True)
    def poison(self):
        os._exit(1)

    @charmer.command
    def print(self, text):
        print(text)
        sys.stdout.flush()
        os.write(1, text.encode())
        return len(text)

    @charmer.command
    def speak_and_die(self, lines):
        for n in range(lines):
            print("last words", n, file=sys.stderr)
        os._exit(4)

    @charmer.command
    def unencodable(self):
        return {"x": {1, 2, 3}}

    @charmer.command
    def size(self, x):
        return len(x)

    @charmer.command
    def grow(self, bytes):
        self.kept = b"x" * bytes

    @charmer.command
    def wait_for_cancel(self):
        while not charmer.cancelled():
            time.sleep(0.001)
        return "gave up"


class OpenAllDay(charmer.ThreadSafeAdapter):
    """The same in threads, as far as it can be."""

    @charmer.command
    def add(self, a, b):
        return a + b

    @charmer.command
    async def nap(self, seconds):
        await asyncio.sleep(seconds)

    @charmer.command
    def hold_the_gil(self, said=""):
        os.write(2, said.encode())
        mutex = ctypes.create_string_buffer(256)
        for _ in range(2):  # no signal ends that, as it would end a sleep
            ctypes.PyDLL(None).pthread_mutex_lock(mutex)

    @charmer.command
    def sleep_after(self, said, seconds):
        os.write(2, said.encode())
        time.sleep(seconds)

    @charmer.command
    def die_after(self, said):
        os.write(2, said.encode())
        os._exit(3)
