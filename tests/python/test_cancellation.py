"""Cancelled calls, deadlines, and what a hung worker does."""

from __future__ import annotations

import os
import signal
import time

import pytest
from conftest import poll, wire

Failure = wire.Failure
DUMP = signal.SIGRTMIN + 4
LAST_DUMP = signal.SIGRTMIN + 5


@pytest.fixture(params=[1, 3], ids=["process", "thread"])
def host(request, start):
    return start("flows", threads=request.param, page=True)


def cancel(call):
    return wire.Frame(cancel=wire.Cancel(id=call.call.id))


@pytest.mark.parametrize("page", [True, False])
@pytest.mark.parametrize("threads", [1, 3])
def test_a_cancel_frame_is_heard_while_the_command_runs(start, page, threads):
    host = start("flows", threads=threads, page=page)
    call = host.make_call("checks")
    host.send(call)
    assert host.silent(0.05)
    host.send(cancel(call))
    failure = host.receive().failure
    assert (failure.id, failure.kind) == (call.call.id, Failure.CANCELLED)
    assert "Cancelled" in failure.exception.type
    assert host.value("plain", 1) == 1


def test_the_page_alone_is_enough(host):
    call = host.make_call("checks")
    host.send(call)
    poll(lambda: host.page.running == call.call.id, "it runs")
    host.page.cancel(call.call.id)
    assert host.receive().failure.kind == Failure.CANCELLED


@pytest.mark.parametrize("how", ["charmer", "asyncio"])
@pytest.mark.parametrize(
    "command", ["ends_as_if_cancelled", "ends_as_if_cancelled_async"]
)
def test_what_ends_as_if_it_was_cancelled_has_failed(host, command, how):
    failure = host.call(command, how)
    assert failure.kind == Failure.EXCEPTION
    assert "Cancelled" in failure.exception.type
    assert f"in {command}" in failure.exception.traceback
    assert host.value("plain", 1) == 1


@pytest.mark.parametrize("how", ["charmer", "asyncio"])
def test_and_so_has_a_stream(host, how):
    failure = host.call("stream_ends_as_if_cancelled", how)
    assert failure.kind == Failure.EXCEPTION
    assert host.value("plain", 1) == 1


def test_a_deadline_that_passes_is_for_the_host_to_judge(host):
    call = host.make_call("checks", timeout_ns=20_000_000)
    host.send(call)
    assert host.silent(0.1)
    host.send(cancel(call))
    assert host.receive().failure.kind == Failure.CANCELLED


def test_calls_that_come_while_one_asks_are_answered_in_order(start):
    host = start("flows")
    call = host.make_call("checks")
    host.send(call)
    behind = [host.make_call("plain", n) for n in range(300)]
    host.send(*behind)
    assert host.silent(0.05)
    host.send(cancel(call), cancel(behind[7]))
    assert host.receive().failure.id == call.call.id
    for n, each in enumerate(behind):
        frame = host.receive()
        if n == 7:
            assert frame.failure.kind == Failure.CANCELLED
            assert frame.failure.id == each.call.id
        else:
            assert frame.result.id == each.call.id


def test_a_cancel_of_what_was_answered_does_nothing(host):
    call = host.make_call("plain", 1)
    host.send(call)
    assert host.receive().result.id == call.call.id
    host.send(cancel(call), cancel(call))
    assert host.value("plain", 2) == 2


def test_a_cancel_right_behind_its_call_leads_to_one_answer(host):
    calls = [host.make_call("plain", n) for n in range(200)]
    host.send(*[x for call in calls for x in (call, cancel(call))])
    ids = []
    for _ in calls:
        frame = host.receive()
        ids.append(getattr(frame, frame.WhichOneof("body")).id)
    assert sorted(ids) == [call.call.id for call in calls]
    assert host.value("plain", 2) == 2


def test_deadline_and_time_left(host):
    until, left, now = host.value("times", timeout_ns=5_000_000_000)
    assert 3 < left <= 5
    assert abs(until - now - left) < 0.1
    assert host.value("times")[:2] == [None, None]


def test_a_thread_sees_the_call_if_it_gets_the_context(host):
    with_context, without = host.value("thread_asks", timeout_ns=10**10)
    assert with_context is True and without is False


def test_outside_a_worker_nothing_is_cancelled_and_nothing_due():
    import charmer

    assert charmer.cancelled() is False
    charmer.check_cancelled()
    assert charmer.deadline() is None and charmer.time_left() is None
    assert charmer.session() is None
    assert not issubclass(charmer.Cancelled, Exception)


def read_stderr(host, until):
    import select

    text = b""
    end = time.monotonic() + 20
    while until not in text:
        assert time.monotonic() < end, text
        if select.select([host.process.stderr], [], [], 0.1)[0]:
            text += os.read(host.process.stderr.fileno(), 65536)
    return text.decode()


def test_a_hung_worker_shows_on_request_what_it_does(host, tmp_path):
    path = str(tmp_path / "begun")
    host.send(host.make_call("hangs", path))
    poll(lambda: os.path.exists(path), "it hangs")
    for _ in range(3):  # one after the other
        host.process.send_signal(DUMP)
        text = read_stderr(host, b"End of all tracebacks")
        assert "in hangs" in text
        assert "most recent call first" in text
        assert host.process.poll() is None


@pytest.mark.parametrize("threads", [1, 4])
def test_a_worker_that_hangs_in_c_shows_it_too(start, tmp_path, threads):
    (tmp_path / "stuck.py").write_text(
        "import ctypes, os\n"
        "thread_safe = True\n"
        "def holds_the_gil(path):\n"
        "    open(path, 'w').close()\n"
        "    ctypes.PyDLL(None).sleep(60)\n"
    )
    path = str(tmp_path / "begun")
    host = start("stuck", python_path=[str(tmp_path)], threads=threads)
    host.send(host.make_call("holds_the_gil", path))
    poll(lambda: os.path.exists(path), "it hangs")
    host.process.send_signal(DUMP)  # there is nobody who could answer
    host.process.send_signal(LAST_DUMP)
    read_stderr(host, b"in holds_the_gil")


def test_a_crash_shows_the_python_code_that_led_to_it(start):
    host = start("hostile")
    host.send(host.make_call("kills_itself"))
    assert host.wait() == -signal.SIGSEGV
    text = host.stderr()
    assert "Segmentation fault" in text and "in kills_itself" in text
