"""Commands that tests of workers need."""

import ctypes
import logging
import os
import sys
import time

import charmer


def add(a, b):
    return a + b


def echo(x):
    return x


def fail(text):
    raise ValueError(text)


def pid():
    return os.getpid()


def environment(name):
    return os.environ.get(name)


def folder():
    return os.getcwd()


def sleep(seconds):
    time.sleep(seconds)
    return seconds


def kill_self(number):
    os.kill(os.getpid(), number)
    time.sleep(10)


def exit_at_once(code):
    os._exit(code)


def segfault():
    ctypes.string_at(0)


def print_and_die(text):
    print(text, flush=True)
    print(text + " on stderr", file=sys.stderr, flush=True)
    os._exit(7)


def flood(lines):
    for i in range(lines):
        print("line", i, file=sys.stderr)
    return lines


def spill(bytes, piece):
    """So much on stderr, in pieces like this one."""
    piece = piece.encode("latin-1")
    block = piece * ((1 << 20) // len(piece))
    written = 0
    while written < bytes:
        written += os.write(2, block)
    return written


def flood_and_die(lines):
    for i in range(lines):
        print("last word", i, file=sys.stderr)
        logging.getLogger("tests").warning("last record %d", i)
        charmer.telemetry.emit("last.event")
    os._exit(4)


def start_grandchild():
    """A process of the same group that holds whatever it inherits."""
    child = os.fork()
    if child == 0:
        time.sleep(600)
        os._exit(0)
    return child


def length(text):
    return len(text)


def many(n):
    return "x" * n


def log(text):
    logging.getLogger("tests").warning(text)


def wait_for_cancel():
    while not charmer.cancelled():
        time.sleep(0.001)
    return "gave up"


def count(to):
    yield from range(to)


def ask(function, arguments=None):
    return charmer.host.call(function, arguments)


def surroundings():
    """What this process inherited."""
    with open("/proc/self/status") as status:
        fields = dict(line.split(":\t", 1) for line in status if ":\t" in line)
    folder = "/proc/self/fd"
    descriptors = []
    for name in os.listdir(folder):
        try:
            descriptors.append(os.readlink(f"{folder}/{name}"))
        except FileNotFoundError:
            pass  # the one that lists the folder
    return {
        "ignored": f"{int(fields['SigIgn'], 16) & ~0x1001002:016x}",
        "blocked": fields["SigBlk"].strip(),
        "descriptors": descriptors,
        "group": os.getpgrp(),
    }


class HangsWhileItLoads(charmer.Adapter):
    def setup(self):
        os.write(2, b"loading 10%")
        time.sleep(600)


class HangsInSetup(charmer.Adapter):
    def setup(self):
        time.sleep(600)

    def run(self):
        return 1
