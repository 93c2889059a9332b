"""A module in which only what is decorated is a command."""

import charmer
from os import getpid  # not a command: imported


@charmer.command(idempotent=True)
def chosen() -> int:
    return 1


@charmer.command(name="renamed")
def other() -> int:
    return getpid()


def hidden() -> int:
    return 2
