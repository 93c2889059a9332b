"""Ends: drain, the end of stdin, SIGTERM, a host that is gone."""

from __future__ import annotations

import os
import signal

from conftest import poll, wire


def test_drain_finishes_what_came_before_and_tears_down(start):
    host = start("model:Model")
    calls = [host.make_call("twice", n) for n in range(50)]
    host.send(*calls, wire.Frame(drain=wire.Drain()))
    for call in calls:
        assert host.receive().result.id == call.call.id
    assert host.wait() == 0
    assert host.stderr() == "torn down: small\n"


def test_nothing_after_drain_is_run(start):
    host = start("model:Model")
    host.send(wire.Frame(drain=wire.Drain()), host.make_call("twice", 1))
    assert host.wait() == 0
    assert not host.fill()


def test_the_end_of_stdin_finishes_what_came_before_and_tears_down(start):
    host = start("model:Model")
    host.send(host.make_call("twice", 4))
    host.close()
    assert host.receive().result.value.json == b"8"
    assert host.wait() == 0
    assert host.stderr() == "torn down: small\n"


def test_half_a_frame_at_the_end_of_stdin_is_left(start):
    host = start("model:Model")
    for length in (2, 6):
        other = start("model:Model")
        other.raw(other.frame(other.make_call("twice", 4))[:length])
        other.close()
        assert other.wait() == 0
    host.raw(b"\x00\x10\x00\x00abc")  # of a large one
    host.close()
    assert host.wait() == 0


def test_sigterm_ends_an_idle_worker_at_once_with_teardown(start):
    host = start("model:Model")
    host.value("twice", 1)
    host.process.send_signal(signal.SIGTERM)
    assert host.wait() == -signal.SIGTERM
    assert host.stderr() == "torn down: small\n"


def test_sigterm_lets_the_running_command_finish_and_begins_no_other(
    start, tmp_path
):
    host = start("hostile", page=True)
    gate = str(tmp_path / "gate")
    host.send(host.make_call("waits", gate), host.make_call("ping"))
    poll(lambda: host.page.running, "it runs")
    host.process.send_signal(signal.SIGTERM)
    assert host.silent(0.1) and host.process.poll() is None
    open(gate, "w").close()
    assert host.receive().result.id == 1
    assert host.wait() == -signal.SIGTERM
    assert not host.fill()
    assert host.page.begun == [1]


def test_threads_that_the_user_left_do_not_keep_the_process(start):
    host = start("hostile")
    host.value("leaves_thread")
    host.close()
    assert host.wait() == 0


def test_a_host_that_reads_no_more_ends_the_worker(start):
    host = start("model:Model")
    host.process.stdout.close()
    host.send(host.make_call("twice", 4))
    assert host.wait() == 0
    assert host.stderr() == "torn down: small\n"


def test_a_teardown_that_fails_is_logged_and_ends_with_1(start, tmp_path):
    (tmp_path / "bad_end.py").write_text(
        "import charmer, atexit\n"
        "atexit.register(print, 'at exit')\n"
        "class A(charmer.Adapter):\n"
        "    def run(self): return 1\n"
        "    def teardown(self): raise SystemExit('not today')\n"
    )
    host = start("bad_end:A", python_path=[str(tmp_path)])
    host.close()
    assert host.wait() == 1
    try:
        host.receive()
    except EOFError:
        pass
    assert "teardown failed" in host.logs[0].text
    assert "not today" in host.logs[0].text


def test_functions_of_atexit_run(start, tmp_path):
    (tmp_path / "goodbye.py").write_text(
        "import atexit\natexit.register(print, 'at exit')\ndef f(): pass\n"
    )
    host = start("goodbye", python_path=[str(tmp_path)])
    host.close()
    assert host.wait() == 0
    assert host.stderr() == "at exit\n"


def test_the_package_is_not_run_by_hand(python):
    import pty
    import subprocess

    from conftest import PACKAGE

    ours, theirs = pty.openpty()
    done = subprocess.run(
        [python, PACKAGE], stdin=theirs, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, timeout=20,
    )  # fmt: skip
    os.close(ours), os.close(theirs)
    assert done.returncode == 1
    assert b"not by hand" in done.stderr
