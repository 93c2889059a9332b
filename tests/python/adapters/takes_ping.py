"""An adapter that takes the name of the built-in command."""


def ping() -> int:
    return 1
