"""Results of every kind, most of them no JSON."""

import collections
import dataclasses
import enum


@dataclasses.dataclass
class Point:
    x: int


class Colour(enum.IntEnum):
    RED = 1


class Bool_:
    """Looks like one of numpy's."""


Bool_.__module__ = "numpy"


class ExitsOnce(dict):
    """Two results are one and the same object."""

    left = 1

    def items(self):
        if ExitsOnce.left:
            ExitsOnce.left = 0
            raise SystemExit("not today")
        return super().items()


exits_once = ExitsOnce(a=1)


class Sly(dict):
    def items(self):
        raise OSError("not today")


def circular() -> list:
    inner: list = []
    inner.append({"again": inner})
    return inner


def deep() -> list:
    value: list = []
    for _ in range(100_000):
        value = [value]
    return value


thread_safe = True

EVERY = {
    "int": lambda: 1,
    "big": lambda: 2**70,
    "bool": lambda: True,
    "float": lambda: 1.0,
    "none": lambda: None,
    "exits once": lambda: exits_once,
    "text": lambda: "ä€😀\x00\u2028",
    "tuple": lambda: (1, [2.5, None]),
    "enum": lambda: Colour.RED,
    "ordered": lambda: collections.OrderedDict(b=1, a=2),
    "empty": lambda: {},
    "nan": lambda: {"a": [0, 1, float("nan")]},
    "infinity": lambda: -float("inf"),
    "set": lambda: {"a": [0, 1, 2, {1}]},
    "bytes inside": lambda: [b"x"],
    "object": lambda: object(),
    "dataclass": lambda: Point(1),
    "numpy": lambda: [Bool_()],
    "int key": lambda: {"rows": [{1: 2}]},
    "tuple key": lambda: {(1, 2): 3},
    "none key": lambda: {None: 1},
    "surrogate": lambda: ["ok", "\ud800"],
    "surrogate key": lambda: {"\ud800": 1},
    "circular": circular,
    "deep": deep,
    "generator": lambda: {"rows": (x for x in [])},
    "digits": lambda: 10**5000,
    "digits inside": lambda: {"a": [1, 10**5000]},
    "sly": lambda: [Sly(a=object())],
    "bytearray": lambda: bytearray(b"abc"),
    "view": lambda: memoryview(b"abcdef")[::2],
    "exit": lambda: Exits(a=1),
}


class Exits(dict):
    def __iter__(self):
        raise SystemExit(3)

    keys = values = items = __iter__


def get(name: str) -> object:
    return EVERY[name]()


def same(x: object) -> object:
    return x


def text(size: int) -> str:
    return "x" * size


def raw(size: int) -> bytes:
    return bytes(size)


async def coroutine() -> int:
    return 1


def returns_coroutine() -> object:
    return coroutine()
