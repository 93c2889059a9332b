"""`charmer call --stream`."""

import os
import signal
import time

import pytest
from conftest import Command, parsed, poll, workers


def test_each_chunk_is_a_line_of_json(charmer: Command) -> None:
    done = charmer.call("--stream", "count", "[5]")
    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        "0\n1\n2\n3\n4\n",
        "",
    )


def test_many_chunks_come_in_order(charmer: Command) -> None:
    done = charmer.call("--stream", "count", "[20000]")
    assert done.returncode == 0
    assert parsed(done.stdout) == list(range(20_000))


def test_a_plain_command_is_one_line_and_a_generator_without_it_a_list(
    charmer: Command,
) -> None:
    assert charmer.call("--stream", "square", "[12]").stdout == "144\n"
    assert charmer.call("count", "[3]").stdout == "[0,1,2]\n"
    assert charmer.call("--stream", "count", "[0]").stdout == ""


def test_bytes_are_written_as_they_are(charmer: Command) -> None:
    file = charmer.settings()
    process = charmer.start(
        "call", "-c", file, "--stream", "blocks", "[3, 70000]"
    )
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, b"\xff" * 210_000)


def test_chunks_are_printed_as_they_come(charmer: Command) -> None:
    file = charmer.settings()
    process = charmer.start("call", "-c", file, "--stream", "hesitant", "[600]")
    assert process.stdout is not None
    assert process.stdout.readline() == b"0\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130


def test_an_error_comes_after_the_chunks(charmer: Command) -> None:
    done = charmer.call("--stream", "fails_after", "[3]")
    assert (done.returncode, done.stdout) == (1, "0\n1\n2\n")
    assert "ValueError: no more" in done.stderr
    done = charmer.call("--stream", "dies_after", "[3]")
    assert (done.returncode, done.stdout) == (1, "0\n1\n2\n")
    assert "worker_died" in done.stderr


def test_a_deadline_ends_a_stream(charmer: Command) -> None:
    done = charmer.call(
        "--stream", "--timeout", "500ms", "hesitant", "[600]", limit=20
    )
    assert (done.returncode, done.stdout) == (124, "0\n")


@pytest.mark.parametrize("command", ["count", "hesitant"])
def test_a_reader_that_goes_away_ends_the_generator(
    charmer: Command, command: str
) -> None:
    file = charmer.settings()
    process = charmer.start(
        "call", "-c", file, "--stream", command, "[100000000]"
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"0\n"
    process.stdout.close()
    assert process.wait(60) == 141


def test_a_slow_reader_slows_the_generator_down(
    charmer: Command, tmp_path: object
) -> None:
    log = os.path.join(str(tmp_path), "log")
    file = charmer.settings()
    process = charmer.start(
        "call", "-c", file, "--stream", "logged_lines", f'["{log}", 10000]'
    )
    host = process.pid
    poll(lambda: workers(host), "workers run")

    def made() -> int:
        return os.path.getsize(log) if os.path.exists(log) else 0

    # Until pipe and window are full; then it stands still.
    poll(lambda: made() > 0, "it has begun")
    before = -1
    while before != made():
        before = made()
        time.sleep(0.3)
    assert before < 1000
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and out.count(b"\n") == 10_000


def test_a_signal_is_heard_while_the_output_is_stuck(charmer: Command) -> None:
    file = charmer.settings()
    process = charmer.start(
        "call", "-c", file, "--stream", "count", "[100000000]"
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"0\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 143
