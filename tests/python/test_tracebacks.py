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


def test_a_call_is_told_with_what_its_caller_calls_it(host):
    call = host.make_call("waits", correlation="order 7\nEnd")
    host.send(call)
    poll(lambda: "Coroutine of call" in dump(host), "it waits")
    name = f"of call {call.call.id}, command waits, correlation 'order 7\\nEnd'"
    assert f"Coroutine {name} (most recent call first):\n" in dump(host)


def test_a_thread_is_told_with_what_its_caller_calls_the_call(start):
    host = start("waits", threads=4, page=True)
    call = host.make_call("sleeps", 20, correlation="order 7")
    host.send(call)
    poll(lambda: call.call.id in host.page.running_each, "it runs")
    assert f"runs call {call.call.id}, command sleeps, correlation 'order 7'\n" in (
        dump(host)
    )
    other = host.make_call("sleeps", 20)
    host.send(other)
    poll(lambda: other.call.id in host.page.running_each, "it runs")
    assert f"runs call {other.call.id}, command sleeps\n" in dump(host)


def test_it_begins_a_line_of_its_own(host):
    begin(host, "leaves_a_line", "40%|###  |")
    said = host.process.stderr.read(10)
    assert said == b"40%|###  |"
    assert dump(host).startswith("\nThread 0x")


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


CHURN = """
import charmer


def deep(n, step):
    return len(str(n)) if n == 0 else deep(n - 1, step) + sum(range(step))


class Churn(charmer.ThreadSafeAdapter):
    @charmer.command
    def churn(self):
        n = 0
        while not charmer.cancelled():
            deep(10 + n % 80, n % 7)
            n += 1
"""


def test_threads_whose_stacks_change_live_through_being_asked(start, tmp_path):
    (tmp_path / "churning.py").write_text(CHURN)
    host = start("churning:Churn", threads=4, python_path=[str(tmp_path)], page=True)
    calls = [host.make_call("churn") for _ in range(4)]
    host.send(*calls)
    poll(lambda: len(host.page.running_each) == 4, "they run")
    for _ in range(60):
        assert dump(host).count(", command churn\n") == 4
        assert host.process.poll() is None
    for call in calls:
        host.page.cancel(call.call.id)


def test_the_thread_that_answers_is_not_told(host):
    assert "answer_requests" not in dump(host)


def test_a_thread_that_does_not_block_the_signal_does_no_harm(host):
    begin(host, "unblocks")
    assert "in unblocks" in dump(host)
    assert host.process.poll() is None
