"""Streams: generators, credit, back-pressure, early ends; in both profiles."""

from __future__ import annotations

import json
import os

import pytest
from conftest import poll, wire

Failure = wire.Failure


@pytest.fixture(params=[1, 3], ids=["process", "thread"])
def host(request, start):
    return start("flows", threads=request.param, page=True)


def stream(host, command, *arguments, credit=100, **fields):
    """Sends the call; returns its id."""
    call = host.make_call(
        command, *arguments, stream=True, credit=credit, **fields
    )
    host.send(call)
    return call.call.id


def chunks_until_end(host, id):
    """The chunks, and the End or Failure after them."""
    chunks = []
    while True:
        frame = host.receive()
        kind = frame.WhichOneof("body")
        body = getattr(frame, kind)
        assert body.id == id
        if kind != "chunk":
            return chunks, body
        assert body.number == len(chunks)
        chunks.append(body.value)


def values(chunks):
    return [json.loads(chunk.json) for chunk in chunks]


def lines(path):
    return open(path).read().splitlines() if os.path.exists(path) else []


def grant(host, id, chunks):
    host.send(wire.Frame(credit=wire.Credit(id=id, chunks=chunks)))


@pytest.mark.parametrize("command", ["count", "acount"])
def test_chunks_come_in_order_and_the_end_says_how_many(host, command):
    id = stream(host, command, 5)
    chunks, end = chunks_until_end(host, id)
    assert values(chunks) == [0, 1, 2, 3, 4]
    assert end.chunks == 5 and end.elapsed_ns > 0
    poll(lambda: host.page.finished_count == 1, "it is finished")
    assert host.page.running == 0


def test_an_empty_stream_is_an_end_alone(host):
    chunks, end = chunks_until_end(host, stream(host, "nothing"))
    assert chunks == [] and end.chunks == 0


@pytest.mark.parametrize("command", ["count", "acount"])
def test_a_generator_is_not_advanced_without_credit(host, tmp_path, command):
    log = str(tmp_path / "log")
    id = stream(host, command, 10, log, credit=0)
    poll(lambda: host.page.running == id, "it has begun")
    assert host.silent(0.05) and lines(log) == []
    for n in range(3):
        grant(host, id, 1)
        assert host.receive().chunk.number == n
        assert host.silent(0.02)
        assert lines(log) == [f"made {k}" for k in range(n + 1)]
    grant(host, id, 100)
    chunks = [host.receive().chunk.number for _ in range(7)]
    assert chunks == [3, 4, 5, 6, 7, 8, 9]
    assert host.receive().end.chunks == 10
    assert lines(log)[-1] == "closed"


@pytest.mark.parametrize("command", ["count", "acount"])
@pytest.mark.parametrize("credit", [0, 3])
def test_a_cancelled_stream_is_closed_where_it_stands(
    host, tmp_path, command, credit
):
    log = str(tmp_path / "log")
    id = stream(host, command, 10, log, credit=credit)
    for n in range(credit):
        assert host.receive().chunk.number == n
    poll(lambda: host.page.running == id, "it has begun")
    host.send(wire.Frame(cancel=wire.Cancel(id=id)))
    failure = host.receive().failure
    assert (failure.id, failure.kind) == (id, Failure.CANCELLED)
    made = [f"made {n}" for n in range(credit)]
    assert lines(log) == (made + ["closed"] if credit else [])
    assert host.value("plain", 1) == 1


@pytest.mark.parametrize("how", ["page", "frame"])
def test_a_stream_that_has_credit_without_end_hears_a_cancel(host, how):
    id = stream(host, "forever", credit=1 << 30)
    assert host.receive().chunk.number == 0
    if how == "page":
        host.page.cancel(id)
    else:
        host.send(wire.Frame(cancel=wire.Cancel(id=id)))
    chunks, failure = [], None
    while failure is None:
        frame = host.receive()
        if frame.WhichOneof("body") == "failure":
            failure = frame.failure
    assert failure.kind == Failure.CANCELLED


def test_check_cancelled_within_a_generator_ends_it(host, tmp_path):
    log = str(tmp_path / "log")
    id = stream(host, "asks_within", log)
    poll(lambda: host.page.running == id, "it runs")
    host.send(wire.Frame(cancel=wire.Cancel(id=id)))
    failure = host.receive().failure
    assert failure.kind == Failure.CANCELLED
    assert failure.exception.type == "charmer.cancellation.Cancelled"
    assert lines(log) == ["closed"]


def test_a_deadline_ends_a_stream_whose_consumer_sleeps(host, tmp_path):
    log = str(tmp_path / "log")
    id = stream(host, "count", 5, log, credit=1, timeout_ns=50_000_000)
    assert host.receive().chunk.number == 0
    failure = host.receive().failure
    assert (failure.id, failure.kind) == (id, Failure.CANCELLED)
    assert lines(log)[-1] == "closed"


@pytest.mark.parametrize("command", ["count", "acount"])
def test_the_end_of_the_host_closes_a_stream_that_waits(
    host, tmp_path, command
):
    log = str(tmp_path / "log")
    id = stream(host, command, 5, log, credit=1)
    assert host.receive().chunk.id == id
    host.close()
    assert host.receive().failure.kind == Failure.CANCELLED
    assert host.wait() == 0
    assert lines(log)[-1] == "closed"


def test_an_error_midway_is_a_failure_after_the_chunks(host, tmp_path):
    log = str(tmp_path / "log")
    chunks, failure = chunks_until_end(host, stream(host, "fails_midway", log))
    assert values(chunks) == [1, 2]
    assert failure.kind == Failure.EXCEPTION
    assert failure.exception.text == "in the middle"
    assert "in fails_midway" in failure.exception.traceback
    assert "streams.py" not in failure.exception.traceback
    assert lines(log) == ["closed"]
    chunks, failure = chunks_until_end(host, stream(host, "afails"))
    assert values(chunks) == [1] and failure.exception.type == "ValueError"
    assert "loop.py" not in failure.exception.traceback


def test_a_chunk_that_cannot_be_sent_ends_the_stream(host):
    chunks, failure = chunks_until_end(host, stream(host, "bad_chunk"))
    assert values(chunks) == [1] and failure.kind == Failure.BAD_RESULT
    assert "set" in failure.exception.text
    id = stream(host, "large_chunk", 70 << 20)
    chunks, failure = chunks_until_end(host, id)
    assert values(chunks) == ["small"] and failure.kind == Failure.TOO_LARGE


def test_chunks_are_bytes_or_text_each_as_it_is(host):
    chunks, end = chunks_until_end(host, stream(host, "raw_chunks"))
    assert chunks[0].raw == b"\x00\xff"
    assert chunks[1].WhichOneof("kind") == "raw" and chunks[1].raw == b""
    assert chunks[2].json == b'"text"'


def test_arguments_that_do_not_fit_a_generator_name_its_signature(host):
    _, failure = chunks_until_end(host, stream(host, "count"))
    assert failure.kind == Failure.BAD_ARGUMENTS
    assert "count(to: int" in failure.exception.text


@pytest.mark.parametrize(
    "command, arguments, expected",
    [
        ("plain", [[1, 2]], [[1, 2]]),
        ("plain", [None], [None]),
        ("add", [1, 2], [3]),
        ("iterator", [], ["1", "2"]),
    ],
)
def test_what_is_no_generator_is_one_chunk(host, command, arguments, expected):
    id = stream(host, command, *arguments, credit=0)
    assert host.silent(0.02)
    grant(host, id, 10)
    chunks, end = chunks_until_end(host, id)
    assert values(chunks) == expected and end.chunks == len(expected)


@pytest.mark.parametrize(
    "command, arguments, expected",
    [
        ("returns_generator", [3], [0, 1, 2]),
        ("returns_async_generator", [3], [0, 1, 2]),
        ("returns_awaitable_generator", [3], [0, 1, 2]),
        ("returns_coroutine", [1, 2], [3]),
        ("returns_task", [1, 2], [3]),
    ],
)
def test_what_a_coroutine_returns_is_streamed_as_if_it_was_called_itself(
    host, command, arguments, expected
):
    chunks, end = chunks_until_end(host, stream(host, command, *arguments))
    assert values(chunks) == expected and end.chunks == len(expected)
    value = host.value(command, *arguments)
    assert value == (expected if "generator" in command else expected[0])


@pytest.mark.parametrize("command", ["generator", "async_generator"])
def test_what_a_coroutine_returns_is_closed_when_it_is_cancelled(
    host, tmp_path, command
):
    log = str(tmp_path / "log")
    id = stream(host, f"returns_{command}", 5, log, credit=1)
    assert host.receive().chunk.number == 0
    host.send(wire.Frame(cancel=wire.Cancel(id=id)))
    assert host.receive().failure.kind == Failure.CANCELLED
    assert lines(log)[-1] == "closed"


@pytest.mark.parametrize("command", ["count", "acount"])
def test_a_generator_that_is_called_for_one_answer_is_a_list(host, command):
    assert host.value(command, 5) == [0, 1, 2, 3, 4]
    assert host.value(command, 0) == []


def test_what_is_collected_is_bounded_and_can_be_cancelled(start):
    for threads in (1, 2):
        host = start(
            "flows", threads=threads, page=True, max_frame_bytes=20_000
        )
        failure = host.call("forever")
        assert failure.kind == Failure.TOO_LARGE
        failure = host.call("raw_chunks")
        assert failure.kind == Failure.BAD_RESULT
        assert "did not ask for a stream" in failure.exception.text
        host = start("flows", threads=threads, page=True)
        call = host.make_call("forever")
        host.send(call)
        poll(lambda: host.page.running, "it runs")
        host.send(wire.Frame(cancel=wire.Cancel(id=call.call.id)))
        assert host.receive().failure.kind == Failure.CANCELLED


def test_an_error_while_closing_is_told(host):
    id = stream(host, "fails_when_closed", credit=1)
    assert host.receive().chunk.number == 0
    host.send(wire.Frame(cancel=wire.Cancel(id=id)))
    failure = host.receive().failure
    assert failure.exception.text == "cannot close"
    assert failure.exception.type == "RuntimeError"


def test_calls_behind_a_stream_are_run_after_it_in_their_order(start):
    host = start("flows", page=True)
    id = stream(host, "count", 3, credit=1)
    calls = [host.make_call("plain", n) for n in range(5)]
    host.send(*calls[:2])
    assert host.receive().chunk.number == 0
    host.send(*calls[2:], wire.Frame(ping=wire.Ping(id=5)))
    assert host.receive().pong.id == 5
    assert host.silent(0.02)
    grant(host, id, 5)
    assert [host.receive().chunk.number for _ in range(2)] == [1, 2]
    assert host.receive().end.chunks == 3
    for n, call in enumerate(calls):
        result = host.receive().result
        assert (result.id, result.value.json) == (call.call.id, b"%d" % n)


def test_credit_and_cancel_in_the_same_write_as_the_call(host):
    first = host.make_call("count", 3, stream=True, credit=0)
    second = host.make_call("count", 3, stream=True, credit=0)
    host.send(
        first,
        wire.Frame(credit=wire.Credit(id=first.call.id, chunks=5)),
        second,
        wire.Frame(cancel=wire.Cancel(id=second.call.id)),
    )
    got = {}
    while len(got) < 2:
        frame = host.receive()
        kind = frame.WhichOneof("body")
        if kind != "chunk":
            got[getattr(frame, kind).id] = kind
    assert got == {first.call.id: "end", second.call.id: "failure"}


def test_streams_of_several_threads_do_not_wait_for_each_other(start):
    host = start("flows", threads=3, page=True)
    ids = [stream(host, "count", 4, credit=0) for _ in range(2)]
    ids.append(stream(host, "acount", 4, credit=0))
    poll(lambda: len(host.page.running_each) == 3, "all have begun")
    for number in range(4):
        for id in ids:
            grant(host, id, 1)
            chunk = host.receive().chunk
            assert (chunk.id, chunk.number) == (id, number)
    for id in ids:
        grant(host, id, 1)
    assert {host.receive().end.id for _ in ids} == set(ids)


def test_a_long_stream_does_not_grow_the_worker(start):
    host = start("flows", page=True)

    def resident():
        with open(f"/proc/{host.process.pid}/statm") as statm:
            return int(statm.read().split()[1]) * 4096

    id = stream(host, "forever", credit=1 << 30)
    for _ in range(2000):
        host.receive()
    before = resident()
    for _ in range(20_000):
        host.receive()
    assert resident() - before < 4 << 20
    host.page.cancel(id)
