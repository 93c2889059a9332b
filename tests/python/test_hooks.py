"""Setup, teardown and health check as coroutines: they run, on the one loop."""

from __future__ import annotations

import os
import select
import signal

import pytest
from conftest import LIMIT, wire

Failure = wire.Failure
both = pytest.mark.parametrize(
    "threads", [1, 4], ids=["process", "thread"]
)


@both
def test_all_run_on_the_loop_of_the_commands(start, threads):
    host = start("hooks:Loop", threads=threads, page=True)
    assert host.value("visits") == [2, 1]
    assert host.value("health_check")["healthy"] is True
    assert host.value("visits") == [4, 1]
    host.close()
    assert host.wait() == 0
    # What is left on the loop is cancelled after the teardown.
    assert host.stderr() == "torn down, 1 loop, False\nwork ended\n"


@both
def test_a_setup_that_fails_shows_its_traceback(spawn, threads):
    failure = spawn().hello(
        "hooks:Loop", threads=threads, options={"fails": "no model"}
    ).failure
    assert failure.kind == Failure.START
    assert failure.exception.type == "ValueError"
    assert failure.exception.text == "no model"
    assert "in setup" in failure.exception.traceback


@both
def test_a_health_check_that_says_no_is_heard(start, threads):
    host = start("hooks:Loop", threads=threads, options={"ready": False})
    assert host.value("health_check")["healthy"] is False


@both
@pytest.mark.parametrize("adapter", ["Asking", "AskingPlainly"])
def test_a_setup_may_call_the_application(spawn, threads, adapter):
    host = spawn()
    asked = host.hello(f"hooks:{adapter}", threads=threads).host_call
    assert (asked.function, asked.call) == ("seven", 0)
    value = wire.Payload(json=b"7")
    host.send(wire.Frame(host_reply=wire.HostReply(id=asked.id, value=value)))
    assert host.receive().WhichOneof("body") == "ready"
    assert host.value("told_at_setup") == 7


@pytest.mark.parametrize(
    "adapter, threads, said",
    [
        ("AsyncThread", 4, "setup_thread"),
        ("Yields", 1, "yield"),
        ("Locks", 4, "Locks.lock cannot be called"),
        ("Locks", 1, "Locks.lock cannot be called"),
    ],
)
def test_what_would_never_run_is_refused(spawn, adapter, threads, said):
    failure = spawn().hello(f"hooks:{adapter}", threads=threads).failure
    assert failure.kind == Failure.START
    assert said in failure.exception.text


def test_a_plain_method_may_return_a_coroutine_but_not_at_the_end(start):
    host = start("hooks:Returns")
    assert host.value("value") == 5
    host.close()
    assert host.wait() == 1
    with pytest.raises(EOFError):
        host.receive()
    assert any("async def teardown" in x.text for x in host.logs)


@pytest.mark.parametrize("threads", [1, 3])
def test_each_thread_is_set_up_and_may_call_the_application(spawn, threads):
    host = spawn()
    frame = host.hello("hooks:AskingInThreads", threads=threads)
    for _ in range(threads):
        asked = frame.host_call
        assert asked.function == "seven"
        value = wire.Payload(json=b"7")
        host.send(
            wire.Frame(host_reply=wire.HostReply(id=asked.id, value=value))
        )
        frame = host.receive()
    assert frame.WhichOneof("body") == "ready"
    assert host.value("told_at_setup") == 7
    host.close()
    assert host.wait() == 0
    assert host.stderr() == "thread done 7\n" * threads


@pytest.mark.parametrize("loop", [False, True])
@pytest.mark.parametrize("threads", [1, 3])
def test_what_setup_starts_and_waits_for_may_call_the_application(
    spawn, threads, loop
):
    host = spawn()
    options = {"loop": loop}
    frame = host.hello(
        "hooks:AskingWithThreads", threads=threads, options=options
    )
    for _ in range(3):
        value = wire.Payload(json=b"7")
        reply = wire.HostReply(id=frame.host_call.id, value=value)
        host.send(wire.Frame(host_reply=reply))
        frame = host.receive()
    assert frame.WhichOneof("body") == "ready"
    assert host.value("told_at_setup") == [7, 7, 7]
    host.close()
    assert host.wait() == 0


def test_a_host_that_ends_while_threads_ask_it_ends_the_worker(spawn):
    host = spawn()
    host.hello("hooks:AskingInThreads", threads=3)
    host.close()
    while host.receive().WhichOneof("body") == "host_call":
        pass
    host.wait()


@both
def test_a_teardown_that_asks_is_told_that_nobody_answers(start, threads):
    host = start("hooks:AskingAtTheEnd", threads=threads)
    host.send(wire.Frame(drain=wire.Drain()))
    host.close()
    assert host.wait() == 0
    assert host.stderr() == "nobody there\n"


@both
@pytest.mark.parametrize("how", ["close", "drain", "sigterm"])
@pytest.mark.parametrize("adapter", ["WaitsForAsker", "WaitsForAskerAsync"])
def test_a_teardown_may_wait_for_a_thread_that_asks_the_application(
    spawn, threads, how, adapter
):
    host = spawn()
    frame = host.hello(f"hooks:{adapter}", threads=threads)
    if frame.WhichOneof("body") == "host_call":
        assert host.receive().WhichOneof("body") == "ready"
    else:
        assert host.receive().host_call.function == "next"
    assert host.value("run") == 1
    if how == "close":
        host.close()
    elif how == "drain":
        host.send(wire.Frame(drain=wire.Drain()))
    else:
        host.process.send_signal(signal.SIGTERM)
    assert host.wait() == (-signal.SIGTERM if how == "sigterm" else 0)
    assert host.stderr() == "nobody there\ntorn down\n"


@both
def test_a_teardown_of_a_thread_that_exits_ends_nothing_else(start, threads):
    host = start("hooks:ExitsAtTheEnd", threads=threads)
    host.close()
    assert host.wait() == 0
    assert host.stderr() == "torn down\n"
    with pytest.raises(EOFError):
        host.receive()
    texts = [x.text for x in host.logs if "teardown_thread failed" in x.text]
    assert len(texts) == threads and "no more" in texts[0]


def test_a_signal_handler_that_exits_ends_the_worker(start):
    host = start("hooks:ExitsAtTheEnd")
    host.value("exits_on", signal.SIGUSR1)
    host.process.send_signal(signal.SIGUSR1)
    assert host.wait() == 4
    assert host.stderr() == "torn down\n"


@both
def test_sigterm_does_not_cut_a_teardown_off(start, threads, tmp_path):
    gate = str(tmp_path / "gate")
    host = start("hooks:SlowEnd", threads=threads, options={"gate": gate})
    host.send(wire.Frame(drain=wire.Drain()))
    stderr = host.process.stderr
    said = b""
    while len(said) < 6 and select.select([stderr], [], [], LIMIT)[0]:
        said += os.read(stderr.fileno(), 6 - len(said))
    assert said == b"begun\n"
    for _ in range(2):
        host.process.send_signal(signal.SIGTERM)
    open(gate, "w").close()
    assert host.wait() == 0
    assert host.stderr() == "torn down\n"
