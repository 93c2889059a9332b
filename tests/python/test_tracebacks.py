"""What a worker does is told upon a signal: threads and coroutines."""

from __future__ import annotations

import os
import select
import signal
import time

import pytest
from conftest import LIMIT, poll

DUMP = signal.SIGRTMIN + 4
END = b"End of all tracebacks\n"


def dump(host) -> str:
    """Asks, and reads stderr up to the last line of the answer."""
    host.process.send_signal(DUMP)
    text = b""
    while END not in text:
        readable, _, _ = select.select([host.process.stderr], [], [], LIMIT)
        assert readable, text
        text += os.read(host.process.stderr.fileno(), 65536)
    return text.decode()


def coroutines(text: str) -> str:
    return text[text.find("Coroutine ") :]


@pytest.fixture(params=[1, 4], ids=["process", "thread"])
def host(request, start):
    return start("waits", threads=request.param, page=True)


def begin(host, command, *arguments):
    call = host.make_call(command, *arguments)
    host.send(call)
    poll(lambda: call.call.id in host.page.running_each, "it runs")
    return call.call.id


@pytest.mark.parametrize(
    "command, lines",
    [
        ("waits", ["in innermost", "in between", "in waits"]),
        ("gathers", ["in innermost", "in gathers"]),
        ("with_timeout", ["in innermost", "in with_timeout"]),
        ("from_generator", ["in generator", "in from_generator"]),
        ("by_hand", ["in innermost", "in __await__", "in by_hand"]),
        ("generator", ["in generator"]),
    ],
)
def test_a_coroutine_that_waits_is_told_with_the_users_lines(
    host, command, lines
):
    id = begin(host, command)
    poll(lambda: all(x in coroutines(dump(host)) for x in lines), lines)
    text = coroutines(dump(host))
    head = f"Coroutine of call {id}, command {command} (most recent call "
    assert head + "first):\n" in text
    assert 'adapters/waits.py", line ' in text
    assert "python/charmer/" not in text  # the worker's own frames say nothing
    assert host.process.poll() is None


def test_the_innermost_comes_first(host):
    begin(host, "waits")
    poll(lambda: "in innermost" in coroutines(dump(host)), "it waits")
    text = coroutines(dump(host))
    assert (
        text.index("in innermost")
        < text.index("in between")
        < text.index("in waits")
    )


def test_a_stream_of_an_async_generator_is_told(host):
    call = host.make_call("generator", stream=True, credit=10)
    host.send(call)
    poll(lambda: "in generator" in coroutines(dump(host)), "it waits")


def test_a_coroutine_that_blocks_the_loop_is_in_its_thread(host):
    begin(host, "blocks")
    poll(lambda: "in blocks" in dump(host), "it blocks")


def test_the_threads_are_told_with_their_calls(start):
    host = start("waits", threads=4, page=True)
    ids = [begin(host, "sleeps", 20) for _ in range(2)]
    text = dump(host)
    assert text.count(", command sleeps\n") == 2
    for id in ids:
        line = next(x for x in text.splitlines() if f"runs call {id}," in x)
        thread = line.split()[1]
        stack = text[text.index(f"Thread {thread} (most recent") :]
        assert "in sleeps" in stack.split("Thread 0x")[1]


def test_a_worker_that_does_nothing_has_no_coroutine(host):
    text = dump(host)
    assert "Coroutine" not in text
    assert "most recent call first" in text
    assert host.value("plain", 3) == 3


def test_a_command_that_sleeps_goes_on_sleeping(host):
    begin(host, "sleeps", 0.3)
    before = time.monotonic()
    assert "in sleeps" in dump(host)
    assert host.receive().result.value.json == b"0.3"
    assert time.monotonic() - before > 0.1


def test_a_thousand_tasks_are_told_in_bounded_text(host):
    begin(host, "thousand")
    poll(lambda: "in innermost" in coroutines(dump(host)), "they wait")
    assert 1 < dump(host).count("Coroutine ") <= 64
