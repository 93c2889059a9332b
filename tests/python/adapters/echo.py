"""The simplest adapter: functions of a module."""


def add(a: int, b: int) -> int:
    """Adds."""
    return a + b


def echo(x: object = None) -> object:
    """Returns what it gets."""
    return x
