"""Whatever user code does to its process, the protocol is not hurt."""

from __future__ import annotations

import os
import select
import signal
import sys

import pytest
from conftest import LIMIT, poll


def test_what_is_printed_in_any_way_goes_to_stderr(start):
    host = start("hostile")
    assert host.value("prints", "hello") == 1
    assert host.value("prints_odd") == 1
    host.close()
    assert host.wait() == 0
    lines = host.stderr().splitlines()
    for line in (
        "printed while imported", "hello", "raw hello", "C hello",
        "subprocess hello",
    ):  # fmt: skip
        assert line in lines


def test_what_is_printed_comes_at_once(start):
    host = start("hostile")
    host.value("prints_odd")
    text = b""
    while b"\\udcff" not in text:
        readable, _, _ = select.select([host.process.stderr], [], [], LIMIT)
        assert readable, text
        text += os.read(host.process.stderr.fileno(), 1000)


def test_stdin_is_empty_for_user_code(start):
    assert start("hostile").value("reads_stdin") == ""


def test_closing_the_standard_descriptors_does_no_harm(start):
    host = start("hostile", page=True)
    assert host.value("closes") == 1
    assert host.value("signals") is True
    assert host.page.begun_count == 2
    host.close()
    assert host.wait() == 0


def test_a_child_inherits_nothing_of_the_protocol(start):
    host = start("hostile", page=True)
    inherited = host.value("inherited")
    assert "/dev/null" in inherited
    for stream in (host.process.stdin, host.process.stdout):
        assert f"pipe:[{os.fstat(stream.fileno()).st_ino}]" not in inherited
    assert not [name for name in inherited if "memfd:progress" in name]


def test_ctrl_c_is_ignored(start):
    host = start("hostile")
    assert host.value("signals") is True


def test_a_program_that_a_command_starts_does_not_ignore_ctrl_c(start):
    host = start("hostile")
    assert host.value("interrupted", sys.executable) == -signal.SIGINT


def test_a_forked_child_blocks_no_signal(start):
    assert int(start("hostile").value("blocked_in_a_fork"), 16) == 0


def test_a_forked_child_tells_what_it_does_as_well(start, tmp_path):
    host = start("hostile")
    gate = str(tmp_path / "gate")
    child = host.value("holder", gate)
    os.kill(child, signal.SIGRTMIN + 4)
    text = b""
    while b"End of all tracebacks" not in text:
        readable, _, _ = select.select([host.process.stderr], [], [], LIMIT)
        assert readable, text
        text += os.read(host.process.stderr.fileno(), 65536)
    assert b"in holder" in text
    open(gate, "w").close()


def test_a_worker_that_ends_in_a_command_leaves_the_earlier_answers(start):
    host = start("hostile")
    host.send(host.make_call("ping"), host.make_call("ends", 5))
    assert host.receive().result.id == 1
    assert host.wait() == 5
    with pytest.raises(EOFError):
        host.receive()


def test_a_crash_in_c_ends_with_its_signal(start):
    host = start("hostile")
    host.send(host.make_call("kills_itself"))
    assert host.wait() == -signal.SIGSEGV


@pytest.mark.parametrize(
    "how, status",
    [("exits", 7), ("returns", 0), ("raises", 1), ("leaves", 5)],
)
def test_a_forked_child_does_not_speak_to_the_host(start, how, status):
    host = start("hostile", page=True)
    assert host.value("forks", how) == status
    assert host.value("ping")["pid"] == host.process.pid
    assert host.logs == []
    poll(lambda: host.page.running == 0, "idle")
    assert (host.page.begun_count, host.page.finished_count) == (2, 2)
    host.close()
    assert host.wait() == 0
    errors = host.stderr()
    assert "said by the child" in errors
    assert ("from the child" in errors) == (how == "raises")


def test_a_forked_child_is_never_too_young_for_sigterm(start, tmp_path):
    # What Python loads at its start comes first in the child.
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal\n"
        "def end():\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "os.register_at_fork(after_in_child=end)\n"
    )
    host = start("hostile", env={"PYTHONPATH": str(tmp_path)})
    assert host.value("ended_young") == -signal.SIGTERM


def test_a_forked_child_that_lives_on_does_not_hold_the_pipes(
    start, tmp_path
):
    host = start("hostile")
    gate = str(tmp_path / "gate")
    child = host.value("holder", gate)
    host.close()
    assert host.wait() == 0
    assert not host.fill(), "the end of the worker's stdout is seen"
    os.kill(child, 0)
    open(gate, "w").close()


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_works_within_a_command(start, method):
    host = start("hostile")
    assert host.value("pools", method) == [0, 1, 4, 9, 16]
    assert host.value("ping")["status"] == "pong"
