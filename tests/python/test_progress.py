"""The progress page: what has begun, what runs, what was cancelled."""

from __future__ import annotations

import os
import signal

from conftest import RING, poll, wire

Failure = wire.Failure


def adapter(tmp_path):
    (tmp_path / "waits.py").write_text(
        "import time, os, charmer\n"
        "def until_cancelled():\n"
        "    end = time.monotonic() + 20\n"
        "    while not charmer.cancelled():\n"
        "        assert time.monotonic() < end\n"
        "    return 'gave up'\n"
        "def touch(path): open(path, 'w').close()\n"
        "def wait_for(path):\n"
        "    end = time.monotonic() + 20\n"
        "    while not os.path.exists(path):\n"
        "        assert time.monotonic() < end\n"
        "        time.sleep(0.001)\n"
        "def cancelled(): return charmer.cancelled()\n"
        "def fails(): raise ValueError\n"
        "def nan(): return float('nan')\n"
    )
    return {"adapter": "waits", "python_path": [str(tmp_path)], "page": True}


def test_begun_running_and_finished_are_written_down(start, tmp_path):
    host = start(**adapter(tmp_path))
    page = host.page
    assert (page.begun_count, page.finished_count, page.running) == (0, 0, 0)
    gate = str(tmp_path / "gate")
    first = host.make_call("cancelled")
    second = host.make_call("wait_for", gate)
    third = host.make_call("cancelled")
    host.send(first, second, third)
    poll(lambda: page.running == second.call.id, "the second runs")
    assert page.begun == [first.call.id, second.call.id]
    assert page.finished_count == 1
    open(gate, "w").close()
    for _ in range(3):
        host.receive()
    poll(lambda: page.finished_count == 3, "all are finished")
    assert page.running == 0


def test_the_page_tells_what_had_begun_after_kill_9(start, tmp_path):
    host = start(**adapter(tmp_path))
    running = host.make_call("wait_for", str(tmp_path / "never"))
    behind = host.make_call("cancelled")
    host.send(running, behind)
    poll(lambda: host.page.running, "it runs")
    os.kill(host.process.pid, signal.SIGKILL)
    host.wait()
    assert host.page.begun == [running.call.id]
    assert host.page.running == running.call.id
    assert host.page.finished_count == 0


def test_failures_finish_too_and_what_is_refused_never_begins(start, tmp_path):
    host = start(**adapter(tmp_path))
    host.call("fails")
    host.call("nan")
    host.call("no such command")
    host.call("cancelled", payload=wire.Payload(json=b"{"))
    poll(lambda: host.page.running == 0, "idle")
    assert (host.page.begun_count, host.page.finished_count) == (2, 2)


def test_the_ring_goes_round(start, tmp_path):
    host = start(**adapter(tmp_path))
    calls = [host.make_call("cancelled") for _ in range(3 * RING + 5)]
    host.send(*calls)
    for _ in calls:
        host.receive()
    ids = [call.call.id for call in calls]
    assert host.page.begun_count == len(calls)
    assert sorted(host.page.begun) == ids[-RING:]


def test_a_call_that_was_cancelled_before_it_began_does_not_run(
    start, tmp_path
):
    host = start(**adapter(tmp_path))
    gate, touched = str(tmp_path / "gate"), str(tmp_path / "touched")
    calls = [
        host.make_call("wait_for", gate),
        host.make_call("touch", touched),
        host.make_call("cancelled"),
    ]
    host.send(*calls)
    poll(lambda: host.page.running, "the first runs")
    host.page.cancel(calls[1].call.id)
    open(gate, "w").close()
    assert host.receive().WhichOneof("body") == "result"
    failure = host.receive().failure
    assert (failure.id, failure.kind) == (calls[1].call.id, Failure.CANCELLED)
    assert host.receive().result.value.json == b"false"
    assert not os.path.exists(touched)
    assert calls[1].call.id not in host.page.begun


def test_a_running_command_sees_that_it_was_cancelled(start, tmp_path):
    host = start(**adapter(tmp_path))
    for _ in range(RING + 3):  # the ring of cancellations goes round as well
        host.page.cancel(1_000_000)
    call = host.make_call("until_cancelled")
    host.send(call)
    poll(lambda: host.page.running == call.call.id, "it runs")
    assert host.silent(0.05)
    host.page.cancel(call.call.id)
    assert host.receive().result.value.json == b'"gave up"'
    assert host.value("cancelled") is False


def test_a_worker_without_a_page_works_the_same(start, tmp_path):
    host = start(**{**adapter(tmp_path), "page": False})
    assert host.value("cancelled") is False


def test_cancelled_is_false_outside_a_worker():
    import charmer

    assert charmer.cancelled() is False


def test_a_page_that_is_none_ends_the_worker_with_a_line(spawn):
    from conftest import Page

    page = Page()
    page.words[0] = 7
    host = spawn(page=page)
    assert host.wait() == 1
    assert "progress page" in host.stderr()
