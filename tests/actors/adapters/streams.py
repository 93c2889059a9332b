"""Workers that stream, and that call the application."""

import asyncio
import os
import threading
import time

import google.protobuf.wrappers_pb2 as wrappers

import charmer


class Streams(charmer.ThreadSafeAdapter):
    """Of either profile."""

    def __init__(self):
        self.closed = []
        self.lock = threading.Lock()

    @charmer.command
    def count(self, to, name=""):
        try:
            for n in range(to):
                yield n
        finally:
            with self.lock:
                self.closed.append(name)

    @charmer.command
    async def acount(self, to):
        for n in range(to):
            await asyncio.sleep(0)
            yield n

    @charmer.command(idempotent=True)
    def logged(self, to, path):
        """Writes down each value as it is made."""
        for n in range(to):
            with open(path, "a") as log:
                log.write(f"{n}\n")
            yield n

    @charmer.command
    def what_was_closed(self):
        return self.closed

    @charmer.command
    def plain(self, x):
        return x

    @charmer.command
    def fails_after(self, n):
        yield from range(n)
        raise ValueError("in the middle")

    @charmer.command(idempotent=True)
    def dies_after(self, n):
        yield from range(n)
        time.sleep(0.05)
        os.kill(os.getpid(), 9)

    @charmer.command
    def stubborn(self):
        """Does not look whether it is wanted between two values."""
        yield 0
        time.sleep(600)
        yield 1

    @charmer.command
    def kinds(self):
        yield {"a": 1}
        yield b"\x00\xff"
        yield wrappers.StringValue(value="typed")

    @charmer.command
    def large(self, size, n):
        for _ in range(n):
            yield b"x" * size

    @charmer.command
    def sleep(self, seconds):
        time.sleep(seconds)
        return seconds

    @charmer.command
    def left(self):
        return charmer.time_left()

    @charmer.command
    def wait_for_cancel(self):
        while not charmer.cancelled():
            time.sleep(0.001)
        return "gave up"

    @charmer.command
    def pid(self):
        return os.getpid()

    # -- calls to the application ----------------------------------------------

    @charmer.command
    def ask(self, function, arguments=None):
        return charmer.host.call(function, arguments)

    @charmer.command
    async def ask_async(self, function, arguments=None):
        return await charmer.host.call_async(function, arguments)

    @charmer.command
    def ask_for_error(self, function, arguments=None):
        try:
            charmer.host.call(function, arguments)
        except charmer.HostError as error:
            return [error.type, error.text, error.traceback]

    @charmer.command
    def ask_bytes(self, function):
        answer = charmer.host.call(function, b"\x00\xff")
        return [type(answer).__name__, len(answer)]

    @charmer.command
    def sizes(self, function, sizes):
        return [len(charmer.host.call(function, n)) for n in sizes]

    @charmer.command
    async def ask_many(self, function, n):
        calls = [charmer.host.call_async(function, [k]) for k in range(n)]
        return await asyncio.gather(*calls)

    @charmer.command
    def ask_impatiently(self, function):
        try:
            charmer.host.call(function, timeout=0.05)
        except charmer.host.HostTimeout:
            return "no answer"

    @charmer.command
    async def ask_in_vain(self, function, n):
        calls = [
            charmer.host.call_async(function, timeout=0.05) for _ in range(n)
        ]
        return len(await asyncio.gather(*calls, return_exceptions=True))

    @charmer.command
    def ask_until_refused(self, function):
        while True:
            try:
                charmer.host.call(function, timeout=0.05)
            except charmer.host.HostTimeout:
                continue
            except charmer.HostError as error:
                return [error.type, str(error)]

    @charmer.command
    def ask_by_name(self, function):
        return charmer.host.call(function, os.getpid())

    @charmer.command
    def stream_of_answers(self, function, n):
        for k in range(n):
            yield charmer.host.call(function, [k])
