"""Commands that tests of workers need."""

import ctypes
import os
import signal
import sys
import threading
import time


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


def start_grandchild():
    """A process of the same group that holds whatever it inherits."""
    child = os.fork()
    if child == 0:
        time.sleep(600)
        os._exit(0)
    return child


def ignore_sigterm():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def never_end():
    """Keeps the interpreter from ending: a thread that is waited for."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=time.sleep, args=(600,)).start()
