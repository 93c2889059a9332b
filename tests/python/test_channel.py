"""The sender alone: frames stay whole, whoever interrupts."""

from __future__ import annotations

import os
import threading
from collections import deque

from conftest import LIMIT


def test_a_send_in_the_middle_of_a_send_of_the_same_thread_comes_after_it():
    from charmer.channel import Bytes, Sender

    reading, writing = os.pipe()

    class Interrupted(Sender):
        """A finalizer that logs strikes between two parts of a frame."""

        struck = False

        def write(self, data: Bytes) -> None:
            super().write(data)
            if not self.struck:
                self.struck = True
                self.send(b"inner ")

    sender = Interrupted(writing)
    thread = threading.Thread(
        target=sender.send, args=(b"one ", b"two "), daemon=True
    )
    thread.start()
    thread.join(LIMIT)
    assert not thread.is_alive(), "it waits for itself"
    assert os.read(reading, 100) == b"one two inner "
    os.close(reading)
    os.close(writing)


def test_what_comes_after_the_last_look_is_sent_as_well():
    from charmer.channel import Sender

    reading, writing = os.pipe()
    sender = Sender(writing)

    class Struck(deque):
        """A finalizer that logs strikes when it was found empty."""

        left = 1

        def __len__(self) -> int:
            found = super().__len__()
            if found == 0 and self.left:
                self.left = 0
                sender.send(b"last ")
            return found

    sender.deferred = Struck()
    sender.send(b"first ")
    assert os.read(reading, 100) == b"first last "
    os.close(reading)
    os.close(writing)


def test_a_write_that_is_interrupted_goes_on_where_it_was():
    from charmer.channel import Sender

    reading, writing = os.pipe()
    os.set_blocking(writing, True)
    data = os.urandom(1 << 20)
    received = bytearray()

    def read() -> None:
        while len(received) < len(data):
            received.extend(os.read(reading, 3001))

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    Sender(writing).send(data[:5], data[5:])
    thread.join(LIMIT)
    assert bytes(received) == data
    os.close(reading)
    os.close(writing)
