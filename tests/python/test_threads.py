"""The thread profile: calls of one process overlap."""

from __future__ import annotations

import json
import os
import signal
import time

import pytest
from conftest import RING, poll, wire

Failure = wire.Failure


@pytest.fixture
def crew(start):
    def begin(adapter="crew:Crew", threads=4, **fields):
        return start(adapter, threads=threads, page=True, **fields)

    return begin


def answers(host, count):
    """The bodies of so many answers, by id."""
    got = {}
    for _ in range(count):
        frame = host.receive()
        body = getattr(frame, frame.WhichOneof("body"))
        assert body.id not in got
        got[body.id] = body
    return got


def value(body):
    return json.loads(body.value.json)


def test_four_naps_of_two_tenths_of_a_second_overlap(crew):
    host = crew()
    calls = [host.make_call("nap", 0.2) for _ in range(4)]
    began = time.monotonic()
    host.send(*calls)
    got = answers(host, 4)
    assert time.monotonic() - began < 0.6
    assert {value(x) for x in got.values()} == {
        f"charmer-{n}" for n in (1, 2, 3, 4)
    }


def test_commands_that_wait_for_each_other_meet(crew):
    host = crew()
    host.send(*[host.make_call("meet") for _ in range(4)])
    assert sorted(value(x) for x in answers(host, 4).values()) == [0, 1, 2, 3]


def test_answers_come_as_they_finish_and_no_more_than_n_run(crew, tmp_path):
    host = crew(threads=2)
    gates = [str(tmp_path / str(n)) for n in range(3)]
    calls = [host.make_call("wait", gate) for gate in gates]
    host.send(*calls)
    ids = [call.call.id for call in calls]
    page = host.page
    poll(lambda: sorted(page.running_each) == ids[:2], "two run")
    assert sorted(page.begun) == ids[:2]
    open(gates[1], "w").close()
    assert host.receive().result.id == ids[1]
    poll(lambda: sorted(page.running_each) == [ids[0], ids[2]], "the third")
    open(gates[2], "w").close()
    assert host.receive().result.id == ids[2]
    open(gates[0], "w").close()
    assert host.receive().result.id == ids[0]
    poll(lambda: page.finished_count == 3, "all are finished")
    assert page.running == 0 and sorted(page.begun) == ids


def test_the_page_tells_what_had_begun_after_kill_9(crew, tmp_path):
    host = crew(threads=3)
    never = str(tmp_path / "never")
    calls = [host.make_call("wait", never) for _ in range(5)]
    host.send(*calls)
    ids = [call.call.id for call in calls]
    poll(lambda: sorted(host.page.running_each) == ids[:3], "three run")
    os.kill(host.process.pid, signal.SIGKILL)
    host.wait()
    assert sorted(host.page.begun) == ids[:3]
    assert host.page.finished_count == 0


def test_many_short_calls_are_each_answered_once(crew):
    host = crew()
    calls = [host.make_call("count_here") for _ in range(3 * RING)]
    host.send(*calls)
    got = answers(host, len(calls))
    assert sorted(got) == [call.call.id for call in calls]
    poll(lambda: host.page.finished_count == len(calls), "all finished")
    assert host.page.begun_count == len(calls)


def test_state_of_a_thread_is_its_own_and_set_up_once(crew):
    host = crew()
    calls = [host.make_call("count_here") for _ in range(100)]
    host.send(*calls)
    last = {}
    for body in answers(host, 100).values():
        name, count = value(body)
        last[name] = max(count, last.get(name, 0))
    assert sum(last.values()) == 100
    assert set(last) <= {f"charmer-{n}" for n in (1, 2, 3, 4)}


def test_threads_have_names_that_ps_shows(crew):
    names = crew(threads=3).value("names")
    assert {"charmer-1", "charmer-2", "charmer-3"} <= set(names)


def test_the_adapters_lock_guards_what_is_shared(crew):
    host = crew()
    host.send(*[host.make_call("add", 1) for _ in range(60)])
    got = sorted(value(x) for x in answers(host, 60).values())
    assert got == list(range(1, 61))


def test_an_adapter_that_does_not_say_it_is_thread_safe_is_refused(spawn):
    from conftest import Page

    for adapter, what in (("crew:Undeclared", "class"), ("echo", "module")):
        host = spawn(page=Page(4))
        failure = host.hello(adapter, threads=4).failure
        assert failure.id == 0 and failure.kind == Failure.START
        text = failure.exception.text
        assert "does not declare itself thread-safe" in text
        assert "charmer.ThreadSafeAdapter" in text
        assert f"`thread_safe = True` in the {what}" in text
        assert host.wait() == 1


def test_a_class_may_declare_itself_and_one_thread_needs_nothing(crew, start):
    assert crew("crew:Declared").value("run") == 1
    assert start("crew:Undeclared").value("run") == 1


def test_an_error_in_the_setup_of_a_thread_keeps_the_worker_from_starting(
    spawn,
):
    host = spawn()
    failure = host.hello(
        "crew:Crew", threads=4, options={"fail_in_thread": True}
    ).failure
    assert failure.kind == Failure.START
    assert failure.exception.text == "no pipeline for this thread"
    assert host.wait() == 1


def test_a_page_for_fewer_threads_is_refused(spawn):
    from conftest import Page

    failure = spawn(page=Page(2)).hello("crew:Crew", threads=4).failure
    assert failure.kind == Failure.START
    assert "2 threads; the host wants 4" in failure.exception.text


def test_a_ping_is_answered_while_every_thread_is_busy(crew, tmp_path):
    host = crew(threads=2)
    gate = str(tmp_path / "gate")
    host.send(*[host.make_call("wait", gate) for _ in range(5)])
    poll(lambda: len(host.page.running_each) == 2, "both are busy")
    host.send(wire.Frame(ping=wire.Ping(id=77)))
    assert host.receive().pong.id == 77
    open(gate, "w").close()
    answers(host, 5)


@pytest.mark.parametrize("how", ["page", "frame"])
def test_a_cancelled_call_that_waits_never_runs(crew, tmp_path, how):
    host = crew(threads=2)
    gate = str(tmp_path / "gate")
    calls = [host.make_call("wait", gate) for _ in range(4)]
    host.send(*calls)
    poll(lambda: len(host.page.running_each) == 2, "both are busy")
    cancelled = calls[3].call.id
    if how == "page":
        host.page.cancel(cancelled)
    host.send(
        wire.Frame(cancel=wire.Cancel(id=cancelled if how == "frame" else 99)),
        wire.Frame(ping=wire.Ping(id=1)),
    )
    assert host.receive().pong.id == 1
    open(gate, "w").close()
    got = answers(host, 4)
    assert got[cancelled].kind == Failure.CANCELLED
    assert cancelled not in host.page.begun


@pytest.mark.parametrize("how", ["page", "frame"])
def test_one_of_several_running_calls_is_cancelled(crew, how):
    host = crew()
    calls = [host.make_call("until_cancelled") for _ in range(4)]
    host.send(*calls)
    poll(lambda: len(host.page.running_each) == 4, "all run")
    for call in reversed(calls):
        if how == "page":
            host.page.cancel(call.call.id)
        else:
            host.send(wire.Frame(cancel=wire.Cancel(id=call.call.id)))
        result = host.receive().result
        assert (result.id, value(result)) == (call.call.id, "gave up")


def test_drain_finishes_what_was_sent_then_every_thread_ends(crew):
    host = crew()
    calls = [host.make_call("nap", 0.02) for _ in range(12)]
    host.send(*calls, wire.Frame(drain=wire.Drain()))
    host.send(host.make_call("nap", 0))
    assert sorted(answers(host, 12)) == [call.call.id for call in calls]
    assert host.wait() == 0
    assert not host.fill()
    said = host.stderr()
    assert said.count("thread done") == 4
    assert said.rstrip().endswith("torn down")


def test_the_end_of_stdin_finishes_what_was_sent(crew):
    host = crew(threads=2)
    host.send(*[host.make_call("nap", 0.02) for _ in range(5)])
    host.close()
    assert len(answers(host, 5)) == 5
    assert host.wait() == 0


def test_sigterm_finishes_what_runs_and_begins_no_other(crew, tmp_path):
    host = crew(threads=2)
    gate = str(tmp_path / "gate")
    calls = [host.make_call("wait", gate) for _ in range(5)]
    host.send(*calls)
    poll(lambda: len(host.page.running_each) == 2, "both are busy")
    host.process.send_signal(signal.SIGTERM)
    assert host.silent(0.1) and host.process.poll() is None
    open(gate, "w").close()
    assert sorted(answers(host, 2)) == [1, 2]
    assert host.wait() == -signal.SIGTERM
    assert not host.fill()
    assert sorted(host.page.begun) == [1, 2]


def test_sigterm_ends_an_idle_worker_at_once(crew):
    host = crew()
    host.value("nap", 0)
    host.process.send_signal(signal.SIGTERM)
    assert host.wait() == -signal.SIGTERM
    assert "torn down" in host.stderr()


def test_a_host_that_reads_no_more_ends_the_worker(crew):
    host = crew()
    host.process.stdout.close()
    host.send(host.make_call("nap", 0))
    assert host.wait() == 0


def test_a_child_that_a_thread_forks_does_not_speak_to_the_host(crew):
    host = crew()
    assert host.value("forks") == 0
    assert host.value("nap", 0)


def test_statistics_count_calls_failures_and_time(crew):
    host = crew()
    host.send(*[host.make_call("nap", 0.02) for _ in range(6)])
    answers(host, 6)
    host.call("fails")
    poll(lambda: host.page.finished_count == 7, "all finished")
    told = host.value("statistics_now")
    assert told["nap"]["calls"] == 6 and told["nap"]["failed"] == 0
    assert 20 <= told["nap"]["mean_ms"] <= told["nap"]["longest_ms"] < 10_000
    assert told["fails"]["calls"] == told["fails"]["failed"] == 1


def test_health_check_asks_the_process(crew, tmp_path):
    host = crew()
    gate = str(tmp_path / "gate")
    host.send(host.make_call("wait", gate), host.make_call("wait", gate))
    poll(lambda: len(host.page.running_each) == 2, "both run")
    told = host.value("health_check")
    assert told["healthy"] is True and told["pid"] == host.process.pid
    assert told["threads"] == 4 and told["running"] == 3  # itself as well
    assert isinstance(told["gil_enabled"], bool) and "commands" in told
    open(gate, "w").close()
    answers(host, 2)


@pytest.mark.parametrize(
    "how, healthy, words",
    [
        ("well", True, ""),
        ("ill", False, ""),
        ("raises", False, "database"),
        ("empty", False, ""),  # false, though it is not False
        ("one", True, ""),
        ("silent", True, ""),
    ],
)
def test_health_check_asks_the_adapter(start, how, healthy, words):
    told = start("crew:Sick", options={"how": how}).value("health_check")
    assert told["healthy"] is healthy
    assert words in told.get("reason", "")
    assert told["threads"] == 1 and told["running"] == 1


def test_an_extension_that_turns_the_gil_on_is_told_once(crew):
    host = crew("gil_off:Crew")
    assert host.value("health_check")["gil_enabled"] is False
    assert host.value("turns_gil_on") == 1
    telemetry = host.receive().telemetry
    assert telemetry.name == "charmer.worker.gil_enabled"
    assert json.loads(telemetry.metadata) == {"within": "turns_gil_on"}
    assert "the GIL is enabled again" in host.logs[0].text
    assert host.value("nap", 0)
    assert len(host.logs) == 1


def test_sessions_are_shared_by_the_threads(crew):
    host = crew()
    host.send(
        *[host.make_call("session_count", session="a") for _ in range(40)]
    )
    got = sorted(value(x) for x in answers(host, 40).values())
    assert got == list(range(1, 41))
    assert host.value("session_count", session="b") == 1
