"""Coroutines: one loop, several at once where there are threads."""

from __future__ import annotations

import json
import os
import time

import pytest
from conftest import poll, wire

Failure = wire.Failure


@pytest.fixture(params=[1, 4], ids=["process", "thread"])
def host(request, start):
    return start("flows", threads=request.param, page=True)


def lines(path):
    return open(path).read().splitlines() if os.path.exists(path) else []


def results(host, count):
    return [host.receive().result for _ in range(count)]


def test_a_coroutine_is_awaited(host):
    assert host.value("add", 2, 3) == 5
    assert host.value("add", payload=wire.Payload(json=b'{"a":1,"b":2}')) == 3


def test_what_a_decorator_hides_is_awaited_and_collected_as_well(host):
    for _ in range(2):
        assert host.value("hidden_add", 2, 3) == 5
        assert host.value("hidden_count", 3) == [0, 1, 2]
        assert host.value("hidden_acount", 3) == [0, 1, 2]
    failure = host.call("hidden_raises", "boo")
    assert failure.exception.type == "ValueError"
    assert "BadResult" not in failure.exception.traceback
    assert not failure.exception.HasField("cause")
    failure = host.call("hidden_bad")
    assert failure.kind == Failure.BAD_RESULT
    assert host.value("plain", 1) == 1


def test_whatever_else_can_be_awaited_is_awaited(host):
    for _ in range(2):
        assert host.value("awaitable", 3) == 3
    call = host.make_call("awaitable", 4, stream=True, credit=10)
    host.send(call)
    assert host.receive().chunk.value.json == b"4"
    assert host.receive().end.chunks == 1


def test_and_can_be_cancelled(host, tmp_path):
    log = str(tmp_path / "log")
    call = host.make_call("hidden_sleeps", log)
    host.send(call)
    poll(lambda: lines(log) == ["begun"], "it runs")
    host.send(wire.Frame(cancel=wire.Cancel(id=call.call.id)))
    assert host.receive().failure.kind == Failure.CANCELLED
    assert lines(log) == ["begun", "cleaned"]


def test_all_run_on_one_loop(host):
    seen = {tuple(host.value("where")) for _ in range(20)}
    ((_, thread),) = seen
    assert thread in ("MainThread", "charmer-loop")


def test_an_error_has_the_traceback_of_the_coroutine_alone(host):
    failure = host.call("raises", "boo")
    assert failure.kind == Failure.EXCEPTION
    assert failure.exception.type == "ValueError"
    assert "in raises" in failure.exception.traceback
    assert "loop.py" not in failure.exception.traceback
    assert host.value("add", 1, 1) == 2


def test_an_exit_is_that_calls_failure(host):
    failure = host.call("exits")
    assert failure.exception.type == "SystemExit"
    assert host.value("add", 1, 1) == 2


def test_an_exit_of_what_a_coroutine_has_left_ends_neither_it_nor_the_loop(
    host,
):
    assert host.value("leaves_exit") == 1
    assert host.value("add", 2, 3) == 5
    said = "\n".join(x.text for x in host.logs)
    assert "from a task" in said and "from a callback" in said


@pytest.mark.parametrize("pause", [0, 0.01])
def test_who_stops_the_loop_ends_neither_its_own_coroutine_nor_others(
    host, pause
):
    for _ in range(3):
        assert host.value("stops_the_loop", pause) == "done"
        assert host.value("add", 2, 3) == 5
        assert host.value("nap", 0.001) == "woke"


def test_nor_those_that_run_beside_it(start):
    host = start("flows", threads=4, page=True)
    naps = [host.make_call("nap", 0.2) for _ in range(3)]
    host.send(*naps, host.make_call("stops_the_loop", 0))
    assert {x.value.json for x in results(host, 4)} == {b'"woke"', b'"done"'}


def test_after_one_that_a_command_has_closed_comes_a_new_one(start):
    host = start("flows")
    for _ in range(2):
        assert host.value("add", 2, 3) == 5
        assert host.value("closes_the_loop") is None
    host.close()
    assert host.wait() == 0


def test_arguments_that_do_not_fit_name_the_signature(host):
    failure = host.call("add", 1)
    assert failure.kind == Failure.BAD_ARGUMENTS
    assert "add(a: " in failure.exception.text


def test_in_the_thread_profile_coroutines_overlap(start):
    host = start("flows", threads=4, page=True)
    began = time.monotonic()
    host.send(*[host.make_call("nap", 0.2) for _ in range(4)])
    assert {x.value.json for x in results(host, 4)} == {b'"woke"'}
    assert time.monotonic() - began < 0.6
    host.send(*[host.make_call("meet", 4) for _ in range(4)])
    assert {x.value.json for x in results(host, 4)} == {b"4"}


def test_in_the_process_profile_they_run_one_by_one(start):
    host = start("flows", page=True)
    host.send(*[host.make_call("nap", 0.05) for _ in range(3)])
    assert [x.id for x in results(host, 3)] == [1, 2, 3]
    assert host.page.begun == [1, 2, 3]


def test_a_cancel_ends_it_where_it_waits(host, tmp_path):
    log = str(tmp_path / "log")
    call = host.make_call("sleeps", log)
    host.send(call)
    poll(lambda: lines(log) == ["begun"], "it waits")
    host.send(wire.Frame(cancel=wire.Cancel(id=call.call.id)))
    failure = host.receive().failure
    assert failure.kind == Failure.CANCELLED
    assert lines(log) == ["begun", "cleaned"]
    assert host.value("add", 1, 1) == 2


def test_one_that_refuses_to_be_cancelled_is_answered_with_its_result(host):
    call = host.make_call("refuses")
    host.send(call)
    poll(lambda: host.page.running == call.call.id, "it runs")
    host.send(wire.Frame(cancel=wire.Cancel(id=call.call.id)))
    answer = host.receive()
    # It may be cancelled before its first step, where it cannot refuse.
    if answer.WhichOneof("body") == "result":
        assert answer.result.value.json == b'"went on"'
    else:
        assert answer.failure.kind == Failure.CANCELLED


def test_a_call_and_its_cancel_in_one_write(host):
    call = host.make_call("nap", 30)
    host.send(call, wire.Frame(cancel=wire.Cancel(id=call.call.id)))
    assert host.receive().failure.kind == Failure.CANCELLED


def test_a_ping_is_answered_while_a_coroutine_waits(host, tmp_path):
    log = str(tmp_path / "log")
    host.send(host.make_call("sleeps", log))
    poll(lambda: lines(log), "it waits")
    host.send(wire.Frame(ping=wire.Ping(id=4)))
    assert host.receive().pong.id == 4


def test_large_frames_come_in_while_a_coroutine_waits(start):
    host = start("flows", page=True)
    text = "x" * (3 << 20)
    host.send(host.make_call("nap", 0.3), host.make_call("plain", text))
    first, second = results(host, 2)
    assert first.value.json == b'"woke"'
    assert json.loads(second.value.json) == text


def test_the_deadline_is_known_in_a_coroutine(host):
    until, left, now = host.value("times_async", timeout_ns=5_000_000_000)
    assert 3 < left <= 5 and 3 < until - now <= 5
    assert host.value("times_async")[:2] == [None, None]


def test_what_is_left_on_the_loop_is_cancelled_at_the_end(host, tmp_path):
    log = str(tmp_path / "log")
    assert host.value("leaves_task", log) == 1
    host.close()
    assert host.wait() == 0
    assert lines(log) == ["cleaned"]


def test_a_worker_without_coroutines_does_not_import_asyncio(start, tmp_path):
    (tmp_path / "asks.py").write_text(
        "import sys\nthread_safe = True\n"
        "def run(): return 'asyncio' in sys.modules\n"
    )
    for threads in (1, 2):
        host = start("asks", threads=threads, python_path=[str(tmp_path)])
        assert host.value("run") is False
