"""Setup, teardown and health check as coroutines: they run, on the one loop."""

from __future__ import annotations

import pytest
from conftest import wire

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
    [("AsyncThread", 4, "setup_thread"), ("Yields", 1, "yield")],
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
