"""Commands that call functions of the application."""

from __future__ import annotations

import json
import time

import pytest
from conftest import poll, wire

Failure = wire.Failure


@pytest.fixture(params=[1, 4], ids=["process", "thread"])
def host(request, start):
    return start("asks", threads=request.param, page=True)


def reply(host, asked, value):
    payload = wire.Payload(json=json.dumps(value).encode())
    host.send(wire.Frame(host_reply=wire.HostReply(id=asked.id, value=payload)))


def serve(host, count):
    """Answers `double` until so many calls have been answered."""
    got = {}
    while len(got) < count:
        frame = host.receive()
        kind = frame.WhichOneof("body")
        body = getattr(frame, kind)
        if kind == "host_call":
            assert body.function == "double"
            reply(host, body, 2 * json.loads(body.arguments.json)[0])
        else:
            got[body.id] = body
    return got


def value(body):
    assert isinstance(body, wire.Result), body
    return json.loads(body.value.json)


@pytest.mark.parametrize("command", ["ask", "ask_async"])
def test_a_command_gets_the_answer_of_the_host(host, command):
    call = host.make_call(command, "price_of", {"item": 7})
    host.send(call)
    asked = host.receive().host_call
    assert (asked.function, asked.call) == ("price_of", call.call.id)
    assert json.loads(asked.arguments.json) == {"item": 7}
    reply(host, asked, 12.5)
    assert host.receive().result.value.json == b"12.5"


@pytest.mark.parametrize("command", ["ask", "ask_async"])
def test_no_arguments_are_an_empty_payload(host, command):
    host.send(host.make_call(command, "now"))
    asked = host.receive().host_call
    assert asked.arguments.WhichOneof("kind") is None
    host.send(wire.Frame(host_reply=wire.HostReply(id=asked.id)))
    assert host.receive().result.value.json == b"null"


@pytest.mark.parametrize("command", ["ask_for_ever", "ask_for_ever_async"])
def test_a_question_may_wait_for_ever(host, command):
    host.send(host.make_call(command, "now"))
    reply(host, host.receive().host_call, 12.5)
    assert host.receive().result.value.json == b"12.5"


def test_what_is_no_timeout_is_refused(host):
    assert "NaN" in host.call("ask_nan", "now").exception.text


def test_a_question_that_cannot_be_sent_is_forgotten(host):
    assert host.value("cannot_ask", 7) == 0
    assert host.value("surrogate") == 0


def test_bytes_travel_as_bytes_both_ways(host):
    host.send(host.make_call("ask_with_kind", "f"))
    asked = host.receive().host_call
    assert asked.arguments.raw == b"\x00raw"
    payload = wire.Payload(raw=bytes(5))
    host.send(wire.Frame(host_reply=wire.HostReply(id=asked.id, value=payload)))
    assert host.receive().result.value.json == b'["bytes",5]'


def test_each_question_has_an_id_of_its_own(host):
    host.send(host.make_call("ask_twice", "double"))
    first = host.receive().host_call
    reply(host, first, 1)
    second = host.receive().host_call
    assert second.id != first.id
    reply(host, first, 5)  # nobody asks that any more
    reply(host, second, 2)
    assert host.receive().result.value.json == b"[1,2]"


@pytest.mark.parametrize("command", ["tells_error", "aerror"])
def test_an_error_of_the_host_has_type_and_text(host, command):
    host.send(host.make_call(command, "f"))
    asked = host.receive().host_call
    error = wire.Exception(
        type="no_such_function", text="there is no f", traceback="tb"
    )
    host.send(
        wire.Frame(host_reply=wire.HostReply(id=asked.id, exception=error))
    )
    told = json.loads(host.receive().result.value.json)
    assert told[:3] == ["HostError", "no_such_function", "there is no f"]


def test_an_error_that_nobody_catches_fails_the_call(host):
    host.send(host.make_call("ask", "f"))
    asked = host.receive().host_call
    error = wire.Exception(type="boom", text="why")
    host.send(
        wire.Frame(host_reply=wire.HostReply(id=asked.id, exception=error))
    )
    failure = host.receive().failure
    assert failure.exception.type == "charmer.host.HostError"
    assert failure.exception.text == "boom: why"


def test_a_timeout_is_a_timeout_error(host):
    host.send(host.make_call("times_out", "slow", 0.05))
    asked = host.receive().host_call
    name, seconds = json.loads(host.receive().result.value.json)
    assert name == "HostTimeout" and 0.04 < seconds < 5
    reply(host, asked, 1)  # too late, and no harm
    assert host.value("plain", 3) == 3
    host.send(host.make_call("atimes_out", 0.05))
    host.receive()
    assert host.receive().result.value.json == b'"HostTimeout"'


def test_the_deadline_of_the_call_bounds_what_it_asks(host):
    host.send(host.make_call("times_out", "slow", None, timeout_ns=50_000_000))
    assert host.receive().host_call.function == "slow"
    name, seconds = json.loads(host.receive().result.value.json)
    assert name == "HostTimeout" and seconds < 5


@pytest.mark.parametrize(
    "timeout, deadline_ns, limit",
    [
        (0.05, 60_000_000_000, 50_000_000),
        # A deadline is the host's to judge: a little longer than that.
        (60, 50_000_000, 500_000_000),
        (None, 50_000_000, 500_000_000),
    ],
)
def test_the_host_is_told_how_long_it_is_waited_for(
    host, timeout, deadline_ns, limit
):
    host.send(
        host.make_call("times_out", "slow", timeout, timeout_ns=deadline_ns)
    )
    assert 0 < host.receive().host_call.time_left_ns <= limit
    assert host.receive().result.value.json
    host.send(host.make_call("ask", "slow"))
    asked = host.receive().host_call
    assert asked.time_left_ns == 0  # for ever
    reply(host, asked, 1)
    assert host.receive().result.value.json == b"1"


@pytest.mark.parametrize("command", ["ask", "ask_async"])
def test_a_cancel_ends_the_waiting(host, command):
    call = host.make_call(command, "slow")
    host.send(call)
    assert host.receive().host_call.function == "slow"
    host.send(wire.Frame(cancel=wire.Cancel(id=call.call.id)))
    failure = host.receive().failure
    assert (failure.id, failure.kind) == (call.call.id, Failure.CANCELLED)
    assert host.value("plain", 3) == 3


@pytest.mark.parametrize("command", ["tells_error", "aerror"])
def test_the_end_of_the_host_ends_the_waiting(host, command):
    host.send(host.make_call(command, "slow"))
    assert host.receive().host_call.function == "slow"
    host.close()
    told = json.loads(host.receive().result.value.json)
    assert told[0] == "HostGone"
    assert host.wait() == 0


def test_what_cannot_be_sent_is_a_value_error(start):
    for threads in (1, 2):
        host = start("asks", threads=threads, max_frame_bytes=100_000)
        assert "argument is of type set" in host.value("cannot_send")
        assert "above the limit" in host.value("too_large", 200_000)


def test_calls_that_come_meanwhile_wait_and_keep_their_order(start):
    host = start("asks", page=True)
    host.send(host.make_call("ask", "slow"))
    asked = host.receive().host_call
    calls = [host.make_call("plain", n) for n in range(100)]
    large = host.make_call("plain", "x" * 300_000)
    host.send(*calls, large, wire.Frame(ping=wire.Ping(id=8)))
    assert host.receive().pong.id == 8
    assert host.silent(0.02) and host.page.begun == [1]
    reply(host, asked, 1)
    assert host.receive().result.id == 1
    for n, call in enumerate(calls):
        assert host.receive().result.id == call.call.id
    assert host.receive().result.id == large.call.id


def test_a_reply_that_came_with_other_calls_is_found(start):
    host = start("asks", page=True)
    first, second = host.make_call("ask", "slow"), host.make_call("plain", 2)
    host.send(first)
    asked = host.receive().host_call
    payload = wire.Payload(json=b'"here"')
    host.send(
        second,
        wire.Frame(host_reply=wire.HostReply(id=asked.id, value=payload)),
        wire.Frame(drain=wire.Drain()),
        host.make_call("plain", 3),
    )
    assert host.receive().result.value.json == b'"here"'
    assert host.receive().result.id == second.call.id
    assert host.wait() == 0
    assert not host.fill()


def test_answers_before_the_question_are_not_held_back(start):
    host = start("asks")
    for _ in range(40):
        host.value("plain", 1)  # known to be quick
    for _ in range(40):
        host.send(host.make_call("ask", "double", [1]))
        reply(host, host.receive().host_call, 2)
        host.receive()
    host.send(host.make_call("plain", 1), host.make_call("ask", "slow"))
    kinds = {host.receive().WhichOneof("body") for _ in range(2)}
    assert kinds == {"result", "host_call"}


def test_all_threads_ask_at_once_and_replies_find_their_own(start):
    host = start("asks", threads=4, page=True)
    calls = [host.make_call("ask", "double", [n]) for n in range(4)]
    host.send(*calls)
    asked = [host.receive().host_call for _ in range(4)]
    assert {x.call for x in asked} == {call.call.id for call in calls}
    for one in reversed(asked):
        reply(host, one, json.loads(one.arguments.json)[0] * 2)
    got = {}
    for _ in calls:
        result = host.receive().result
        got[result.id] = value(result)
    assert got == {call.call.id: 2 * n for n, call in enumerate(calls)}


def test_the_host_may_call_back_into_the_same_worker(start):
    host = start("asks", threads=2, page=True)
    host.send(host.make_call("ask", "outer"))
    outer = host.receive().host_call
    inner = host.make_call("ask", "inner")
    host.send(inner)
    asked = host.receive().host_call
    assert asked.call == inner.call.id
    reply(host, asked, "deep")
    result = host.receive().result
    assert (result.id, value(result)) == (inner.call.id, "deep")
    reply(host, outer, value(result) + "er")
    assert host.receive().result.value.json == b'"deeper"'


def test_coroutines_ask_at_once(host):
    call = host.make_call("gathers", 50)
    host.send(call)
    got = serve(host, 1)
    assert value(got[call.call.id]) == [2 * n for n in range(50)]


def test_a_call_that_would_stop_the_loop_says_what_to_do(host):
    failure = host.call("blocks")
    assert failure.exception.type == "RuntimeError"
    assert "await charmer.host.call_async" in failure.exception.text


@pytest.mark.parametrize("command", ["from_threads", "from_threads_and_here"])
def test_threads_of_a_command_ask_too(host, command):
    calls = [host.make_call(command, 8) for _ in range(5)]
    host.send(*calls)
    for body in serve(host, 5).values():
        assert value(body) == [2 * n for n in range(8)]


def test_a_thread_that_was_left_asks_while_calls_come_and_go(start):
    for threads in (1, 2):
        host = start("asks", threads=threads, page=True)
        left = host.make_call("leaves_asker", 200)
        host.send(left)
        got, asked, calls = 0, 0, 0
        while asked < 200 or got < calls + 1:
            if calls < 200:
                host.send(host.make_call("plain", calls))
                calls += 1
            frame = host.receive()
            if frame.WhichOneof("body") == "host_call":
                asked += 1
                body = frame.host_call
                assert body.call == 0
                reply(host, body, 2 * json.loads(body.arguments.json)[0])
            else:
                got += 1
        poll(
            lambda: host.value("what_was_left") == [2 * n for n in range(200)],
            "all answers arrived",
        )


def test_a_thread_that_was_left_asks_while_nothing_else_happens(host):
    host.send(host.make_call("leaves_asker", 500))
    asked = 0
    while asked < 500:
        frame = host.receive()
        if frame.WhichOneof("body") == "host_call":
            asked += 1
            reply(host, frame.host_call, asked)
    poll(lambda: len(host.value("what_was_left")) == 500, "all arrived")


@pytest.mark.parametrize("left", ["thread", "task"])
@pytest.mark.parametrize("timeout", [None, 20])
def test_the_deadline_of_a_call_that_is_over_limits_nothing(
    host, left, timeout
):
    host.send(host.make_call(f"leaves_{left}", timeout, timeout_ns=1_000_000))
    assert host.receive().HasField("result")
    host.send(host.make_call(f"awaits_{left}"))
    frame = host.receive()
    assert frame.HasField("host_call"), frame
    asked = frame.host_call
    assert asked.call == 0
    if timeout is None:
        assert asked.time_left_ns == 0  # for ever
    else:
        assert 1_000_000_000 < asked.time_left_ns <= 20_000_000_000
    reply(host, asked, 7)
    assert value(host.receive().result) == [7, None]


def leave_asker(host):
    """A thread that waits for an answer from now on; returns its question."""
    host.send(host.make_call("leaves_asker", 1))
    frames = [host.receive() for _ in range(2)]
    return next(x.host_call for x in frames if x.HasField("host_call"))


def test_what_comes_too_late_is_forgotten_while_a_thread_waits(host):
    leave_asker(host)
    for n in range(500):
        call = host.make_call("plain", n)
        host.send(call)
        assert host.receive().result.id == call.call.id
        host.send(
            wire.Frame(cancel=wire.Cancel(id=call.call.id)),
            wire.Frame(credit=wire.Credit(id=call.call.id, chunks=1)),
        )
    told, early = host.value("what_is_known")
    assert told <= 100 and early <= 100


def test_what_comes_early_is_not_forgotten_while_a_thread_waits(
    start, tmp_path
):
    host = start("asks")
    leave_asker(host)
    gate = str(tmp_path / "gate")
    first = host.make_call("asks_at", gate)
    calls = [host.make_call("plain", n) for n in range(200)]
    streams = [
        host.make_call("twice", n, stream=True, credit=0) for n in range(100)
    ]
    host.send(first)
    host.send(
        *calls,
        *streams,
        *(wire.Frame(cancel=wire.Cancel(id=x.call.id)) for x in calls[1::2]),
        *(
            wire.Frame(credit=wire.Credit(id=x.call.id, chunks=3))
            for x in streams
        ),
        wire.Frame(ping=wire.Ping(id=7)),
    )
    assert host.receive().pong.id == 7
    open(gate, "w").close()
    reply(host, host.receive().host_call, 2)
    assert host.receive().result.id == first.call.id
    for n, call in enumerate(calls):
        frame = host.receive()
        assert frame.WhichOneof("body") == ("failure" if n % 2 else "result")
        assert (frame.failure.id or frame.result.id) == call.call.id
    ends = []
    while len(ends) < len(streams):
        frame = host.receive()
        if frame.WhichOneof("body") == "end":
            ends.append((frame.end.id, frame.end.chunks))
    assert ends == [(call.call.id, 2) for call in streams]


def test_calls_keep_their_order_while_a_thread_reads(start, tmp_path):
    host = start("asks", page=True)
    leave_asker(host)
    gate = str(tmp_path / "gate")
    first = host.make_call("asks_at", gate)
    calls = [host.make_call("plain", n) for n in range(20)]
    host.send(first, *calls[:10])
    poll(lambda: host.page.running == first.call.id, "it runs")
    host.send(*calls[10:], wire.Frame(ping=wire.Ping(id=7)))
    assert host.receive().pong.id == 7
    open(gate, "w").close()
    reply(host, host.receive().host_call, 2)
    ids = [host.receive().result.id for _ in range(21)]
    assert ids == [call.call.id for call in (first, *calls)]


def test_a_loop_of_the_users_and_a_helper_thread_ask(host):
    call = host.make_call("own_loop", 5)
    host.send(call)
    assert value(serve(host, 1)[call.call.id]) == [0, 2, 4, 6, 8]
    call = host.make_call("asks_from_a_helper")
    host.send(call)
    assert value(serve(host, 1)[call.call.id]) == 14


def test_a_generator_asks_between_its_chunks(host):
    call = host.make_call("stream_of_answers", 3, stream=True, credit=1)
    host.send(call)
    id = call.call.id
    for n in range(3):
        reply(host, host.receive().host_call, 2 * n)
        assert host.receive().chunk.value.json == b"%d" % (2 * n)
        host.send(wire.Frame(credit=wire.Credit(id=id, chunks=1)))
    assert host.receive().end.chunks == 3


def test_a_forked_child_has_no_host(host):
    assert host.value("forks") == 7
    assert host.value("plain", 1) == 1


def test_outside_a_worker_there_is_no_host():
    import charmer

    with pytest.raises(charmer.HostGone):
        charmer.host.call("f")


def test_sigterm_ends_a_worker_whose_left_thread_waits_for_the_host(host):
    import signal

    host.send(host.make_call("leaves_asker", 1))
    kinds = {host.receive().WhichOneof("body") for _ in range(2)}
    assert kinds == {"result", "host_call"}
    time.sleep(0.02)
    host.process.send_signal(signal.SIGTERM)
    assert host.wait() == -signal.SIGTERM
