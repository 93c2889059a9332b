"""Commands that run out of something, or do not end."""

import atexit
import os
import resource
import time
from typing import List

import charmer


class Faulty(charmer.ThreadSafeAdapter):
    @charmer.command(idempotent=True)
    def size(self, data: bytes) -> List[int]:
        return [os.getpid(), len(data)]

    @charmer.command
    def echo(self, data: bytes) -> bytes:
        return data

    @charmer.command
    def pid(self) -> int:
        return os.getpid()

    @charmer.command
    def sleep(self, seconds: float) -> float:
        time.sleep(seconds)
        return seconds

    @charmer.command
    def begin(self, file: str, seconds: float) -> float:
        """Tells that it has begun, then sleeps."""
        with open(file, "a") as out:
            out.write("x")
        time.sleep(seconds)
        return seconds

    @charmer.command
    def exit(self) -> None:
        """As if all were well."""
        os._exit(0)

    @charmer.command
    def exhaust_memory(self) -> int:
        """With a limit on its address space."""
        before = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, before[1]))
        try:
            return len(bytearray(4 << 30))
        finally:
            resource.setrlimit(resource.RLIMIT_AS, before)

    @charmer.command
    def exhaust_descriptors(self) -> int:
        """With a limit on them."""
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, before[1]))
        files = []
        try:
            while True:
                files.append(open(os.devnull))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
            for file in files:
                file.close()

    @charmer.command
    def linger(self) -> None:
        """The process will not end by itself."""
        atexit.register(time.sleep, 600)
