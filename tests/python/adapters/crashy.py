"""Commands that raise, in every way."""

import os
import sys


class Odd(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class Outer:
    class Inner(ValueError):
        pass


def raises(text: str) -> None:
    raise ValueError(text)


def nested() -> None:
    raise Outer.Inner("deep")


def chain() -> None:
    try:
        try:
            raise KeyError("first")
        except KeyError as error:
            raise ValueError("second") from error
    except ValueError:
        raise RuntimeError("third")


def suppressed() -> None:
    try:
        raise KeyError("hidden")
    except KeyError:
        raise ValueError("shown") from None


def cycle() -> None:
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    raise one


def long_chain(length: int) -> None:
    error: BaseException = ValueError("0")
    for n in range(length):
        nexte = ValueError(str(n + 1) + "x" * 100_000)
        nexte.__cause__ = error
        error = nexte
    raise error


def odd() -> None:
    raise Odd


def surrogate() -> None:
    raise ValueError("\udcff and \ud800")


def leave(status: int) -> None:
    sys.exit(status)


def interrupt() -> None:
    raise KeyboardInterrupt


def recurse() -> None:
    recurse()


def no_memory() -> object:
    return bytearray(1 << 60)


def generator_exit() -> None:
    raise GeneratorExit


def pid() -> int:
    return os.getpid()
