"""What threads of a worker do at the same moment, one step at a time."""

from __future__ import annotations

import os
import threading

import pytest
from conftest import LIMIT, wire


@pytest.fixture
def conversation():
    from charmer.channel import Receiver, Sender
    from charmer.conversation import Conversation
    from charmer.options import Options
    from charmer.progress import words_of

    null = os.open(os.devnull, os.O_RDWR)
    made = Conversation(
        Receiver(null, 1 << 20), Sender(null), words_of(None), Options(), 1 << 20
    )
    yield made
    for fd in (null, made.awake, made.waker):
        os.close(fd)


def test_credit_that_comes_while_a_stream_opens_is_not_lost(conversation):
    from charmer.context import Running
    from charmer.payloads import Encoder
    from charmer.streams import Stream

    reader = threading.Thread(target=conversation.credit, args=(1, 5))

    class Opened(Stream):
        """The host's credit comes between any look and what follows it."""

        @property
        def granted(self):
            value = self.value
            if reader.ident is None:
                reader.start()
                reader.join(0.2)
            return value

        @granted.setter
        def granted(self, value):
            self.value = value

    call = wire.Call(id=1, stream=True)
    stream = Opened(Running(call, 0, conversation), Encoder(1 << 20))
    conversation.open_stream(stream)
    reader.join(LIMIT)
    assert stream.granted == 5


def test_the_host_may_end_at_the_moment_in_which_it_is_asked(conversation):
    from charmer.host import HostGone
    from charmer.questions import Question, Questions

    class Ended(Questions):
        def add(self, asked):
            id = super().add(asked)
            conversation.close()
            return id

    conversation.questions = Ended()
    asked = Question(conversation, "f", None, None)
    asked.send()
    with pytest.raises(HostGone):
        asked.answer()


@pytest.mark.parametrize("what", ["closed", "serving"])
def test_who_gets_the_turn_when_it_is_not_his_any_more_does_not_read(
    conversation, what
):
    class Turn:
        """It is got after it was looked for."""

        def acquire(self, blocking):
            setattr(conversation, what, True)
            return True

        def release(self):
            conversation.closed = True

    def read_once(seconds):
        raise AssertionError("nobody interrupts this")

    conversation.turn = Turn()
    conversation.read_once = read_once
    assert conversation.wait_turn(lambda: False, None) is False


class Ring:
    """The words of the page. Who looks first is late."""

    def __init__(self, words):
        self.words = words
        self.looked = threading.Event()
        self.go_on = threading.Event()

    def __getitem__(self, at):
        found = self.words[at]
        if isinstance(at, slice) and not self.looked.is_set():
            self.looked.set()
            assert self.go_on.wait(LIMIT)
        return found


def test_of_two_looks_into_the_page_the_later_one_counts():
    from charmer.progress import Cancellations, words_of

    words = words_of(None)
    ring = Ring(words)

    class Late(Cancellations):
        def __setattr__(self, name, value):
            first = threading.current_thread() is not late
            if ring.looked.is_set() and name != "in_ring" and first:
                ring.go_on.set()
                late.join(LIMIT)
            super().__setattr__(name, value)

    late = threading.Thread(target=lambda: cancels.has(1))
    cancels = Late(ring)
    words[8], words[3] = 1, 1
    late.start()
    assert ring.looked.wait(LIMIT)
    words[9], words[3] = 2, 2
    assert cancels.has(2)
    assert cancels.has(2)
