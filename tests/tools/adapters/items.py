"""Commands for the tests of the command: plain, slow, wrong, deadly."""

import json
import os
import signal
import sys
import time
from typing import Iterator

import charmer


@charmer.command
def echo(x: object = None) -> object:
    """Returns what it gets."""
    return x


@charmer.command
def guest() -> object:
    """The name of the session."""
    session = charmer.session()
    return None if session is None else session.name


@charmer.command(idempotent=True)
def square(x: int) -> int:
    """The square.

    And a second paragraph that a list need not show.
    """
    return x * x


@charmer.command(idempotent=True)
def slow_square(x: int) -> int:
    time.sleep(0.001)
    return x * x


@charmer.command
def journal(x: int, file: str) -> int:
    """Writes down that it began; takes a moment."""
    fd = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(fd, b"%d\n" % x)
    os.close(fd)
    time.sleep(0.001)
    return x


@charmer.command
def uneven(x: int) -> int:
    """Every tenth takes long, so that results come out of order."""
    time.sleep(0.05 if x % 10 == 0 else 0)
    return x


@charmer.command
def odd(x: int) -> int:
    if x % 2 == 0:
        raise ValueError(f"{x} is even")
    return x


@charmer.command
def sleep(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


@charmer.command
def begin(file: str, seconds: float) -> float:
    """Tells that it has begun, then sleeps."""
    with open(file, "a") as out:
        out.write("begun\n")
    time.sleep(seconds)
    return seconds


@charmer.command
def die(x: int = 0) -> None:
    print("about to die", file=sys.stderr, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


@charmer.command
def prints(x: int = 0) -> int:
    print("this is no frame", x)
    os.write(1, b"neither is this\n")
    sys.stdout.flush()
    return x


@charmer.command
def nothing_encodable(x: int = 0) -> object:
    return {1, 2, 3}


@charmer.command
def raw(size: int = 4) -> bytes:
    return bytes(range(256)) * (size // 256) + bytes(range(size % 256))


@charmer.command
def text(size: int) -> str:
    return "x" * size


@charmer.command
def indented(x: object = None) -> object:
    return json.loads(json.dumps(x, indent=1))


@charmer.command
def pid(x: object = None) -> int:
    return os.getpid()


@charmer.command
def count(to: int) -> Iterator[int]:
    yield from range(to)


@charmer.command
def blocks(n: int, size: int) -> Iterator[bytes]:
    for _ in range(n):
        yield b"\xff" * size


@charmer.command
def hesitant(seconds: float) -> Iterator[int]:
    """A long time between two values."""
    yield 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        charmer.check_cancelled()
        time.sleep(0.001)
    yield 1


@charmer.command
def fails_after(n: int) -> Iterator[int]:
    yield from range(n)
    raise ValueError("no more")


@charmer.command
def dies_after(n: int) -> Iterator[int]:
    yield from range(n)
    os.kill(os.getpid(), signal.SIGKILL)


@charmer.command
def logged_lines(path: str, n: int) -> Iterator[str]:
    """Lines of a kilobyte; a byte in the file for each."""
    for _ in range(n):
        with open(path, "a") as log:
            log.write(".")
        yield "x" * 1024
