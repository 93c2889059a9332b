"""`charmer map`: order, errors, deaths, signals, memory."""

import fcntl
import json
import os
import pty
import random
import re
import select
import signal
import termios
import time
from pathlib import Path
from typing import Any, Callable, List

import pytest
from conftest import (
    Command,
    lines,
    marked_processes,
    parsed,
    poll,
    resident,
    workers,
)

SEED = int(os.environ.get("CHARMER_SEED", random.randrange(1 << 30)))


def map_while(
    charmer: Command, file: str, words: List[str], text: str, disturb: Callable
) -> Any:
    """Runs map over a file; from its first result on, `disturb(process)` is
    called again and again."""
    source = charmer.file("in.jsonl", text)
    target = os.path.join(charmer.folder, "out.jsonl")
    # What it says goes to a file: nobody reads a pipe meanwhile.
    said = os.path.join(charmer.folder, "stderr")
    with open(said, "w") as errors:
        process = charmer.start(
            "map", "-c", file, "--input", source, "--output", target, *words,
            stderr=errors,
        )  # fmt: skip
    end = time.monotonic() + 120
    while process.poll() is None:
        assert time.monotonic() < end, "map does not end"
        if os.path.exists(target) and os.path.getsize(target) > 0:
            disturb(process)
        time.sleep(0.001)
    process.communicate(timeout=10)
    with open(target) as out, open(said) as errors:
        return process.returncode, out.read(), errors.read()


class Killer:
    """Kills a worker every now and then, at most `most` of them."""

    def __init__(self, most: int, every: float) -> None:
        self.random = random.Random(SEED)
        self.most = most
        self.every = every
        self.next = time.monotonic() + every
        self.killed = 0

    def __call__(self, process: Any) -> None:
        if self.killed >= self.most or time.monotonic() < self.next:
            return
        try:
            alive = workers(process.pid)
            if alive:
                os.kill(self.random.choice(alive), signal.SIGKILL)
                self.killed += 1
        except (OSError, ProcessLookupError):
            pass
        self.next = time.monotonic() + self.every * self.random.uniform(0.2, 2)


# -- order ---------------------------------------------------------------------


def test_results_come_in_the_order_of_the_lines(charmer: Command) -> None:
    done = charmer.map("square", input=lines(range(10_000)))
    assert (done.returncode, done.stderr) == (0, "")
    assert parsed(done.stdout) == [x * x for x in range(10_000)]


def test_a_slow_item_does_not_change_the_order(charmer: Command) -> None:
    done = charmer.map("uneven", input=lines(range(200)))
    assert parsed(done.stdout) == list(range(200))


def test_no_input_gives_no_output(charmer: Command) -> None:
    done = charmer.map("square", input="")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_blank_lines_are_skipped_and_the_last_needs_no_newline(
    charmer: Command,
) -> None:
    done = charmer.map("square", input="\n1\n  \n2\r\n\n3")
    assert (done.returncode, done.stdout) == (0, "1\n4\n9\n")


def test_each_line_is_answered_before_the_next_one_is_written(
    charmer: Command,
) -> None:
    process = charmer.start("map", "-c", charmer.settings(), "square")
    for x in range(5):
        process.stdin.write(b"%d\n" % x)
        process.stdin.flush()
        assert process.stdout.readline() == b"%d\n" % (x * x)
    process.stdin.close()
    assert process.wait(60) == 0


# -- errors --------------------------------------------------------------------


def test_stop_prints_what_came_before_the_first_failure(
    charmer: Command,
) -> None:
    items = [1, 3, 5, 4, 7, 6, *range(7, 1000)]
    done = charmer.map("odd", input=lines(items))
    assert (done.returncode, parsed(done.stdout)) == (1, [1, 3, 5])
    assert "line 4: python_exception: ValueError: 4 is even" in done.stderr
    assert done.stderr.count("Traceback") == 1


def test_skip_leaves_failures_out_and_counts_them(charmer: Command) -> None:
    done = charmer.map("--on-error", "skip", "odd", input=lines(range(1000)))
    assert done.returncode == 1
    assert parsed(done.stdout) == list(range(1, 1000, 2))
    assert done.stderr == "charmer: 500 of 1,000 items failed\n"


def test_record_puts_failures_in_their_place(charmer: Command) -> None:
    done = charmer.map("--on-error", "record", "odd", input=lines(range(100)))
    assert done.returncode == 1
    out = parsed(done.stdout)
    assert out[1::2] == list(range(1, 100, 2))
    error = out[4]["error"]
    assert error["code"] == "python_exception" and error["line"] == 5
    assert error["type"] == "ValueError" and "4 is even" in error["text"]
    assert "Traceback" in error["traceback"] and error["begun"] is True


def test_a_malformed_line_is_told_with_line_and_column(charmer: Command) -> None:
    text = '1\n2\n{"x": 3,}\n4\n'
    done = charmer.map("square", input=text)
    assert (done.returncode, done.stdout) == (65, "1\n4\n")
    assert "line 3, column 9: no JSON: syntax error" in done.stderr
    done = charmer.map("--on-error", "skip", "square", input=text)
    assert (done.returncode, done.stdout) == (1, "1\n4\n16\n")
    done = charmer.map("--on-error", "record", "square", input=text)
    error = parsed(done.stdout)[2]["error"]
    assert (error["code"], error["line"]) == ("malformed_json", 3)


def test_a_line_above_the_limit_is_told_and_harms_nothing(
    charmer: Command,
) -> None:
    file = charmer.settings(max_frame_bytes="64KiB")
    text = lines([1, "x" * 1_000_000, 2, "y" * 65_530, 3])
    done = charmer("map", "-c", file, "--on-error", "record", "echo", input=text)
    assert done.returncode == 1
    out = parsed(done.stdout)
    assert [out[0], out[2], out[4]] == [1, 2, 3]
    assert out[1]["error"]["code"] == "line_too_long"
    assert out[3]["error"]["code"] == "frame_too_large"
    assert charmer("map", "-c", file, "echo", input=text).returncode == 65


def test_a_result_that_is_no_json_is_a_failed_item(charmer: Command) -> None:
    text = "4\n"
    for command in ("raw", "nothing_encodable"):
        done = charmer.map(command, input=text)
        assert (done.returncode, done.stdout) == (1, "")
        assert "line 1: bad_payload" in done.stderr


def test_what_workers_print_disturbs_nothing(charmer: Command) -> None:
    done = charmer.map("prints", input=lines(range(500)))
    assert (done.returncode, parsed(done.stdout)) == (0, list(range(500)))


def test_an_item_has_a_deadline_of_its_own(charmer: Command) -> None:
    done = charmer.map(
        "--timeout", "300ms", "--on-error", "record", "sleep",
        input=lines([0, 30, 0, 0]), limit=30,
    )  # fmt: skip
    out = parsed(done.stdout)
    assert done.returncode == 1
    assert [out[0], out[2], out[3]] == [0, 0, 0]
    assert out[1]["error"]["code"] == "exec_timeout"


def test_waiting_does_not_eat_the_deadline(charmer: Command) -> None:
    # Each takes most of its time, and there are four times as many as workers.
    done = charmer.map(
        "--timeout", "600ms", "sleep", input=lines([0.35] * 16), limit=30
    )
    assert (done.returncode, len(parsed(done.stdout))) == (0, 16)


def test_an_adapter_that_does_not_start_is_unavailable(charmer: Command) -> None:
    file = charmer.settings(adapter="no_import")
    done = charmer("map", "-c", file, "square", input="1\n")
    assert (done.returncode, done.stdout) == (69, "")
    assert done.stderr.count("Traceback") == 1


def test_a_pool_that_is_lost_for_good_is_given_up(charmer: Command) -> None:
    # After the first start the adapter does not import any more.
    charmer.file(
        "once.py",
        "import os, signal\n"
        "if os.path.exists('started'): raise RuntimeError('only once')\n"
        "def end(x):\n"
        "    open('started', 'w').close()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n",
    )
    done = charmer(
        "map", "--adapter", "once", "--size", "1", "--on-error", "record",
        "--patience", "2s", "end", input=lines(range(50)), limit=40,
    )  # fmt: skip
    assert done.returncode == 69
    assert "pool_degraded" in done.stderr and "only once" in done.stderr
    out = parsed(done.stdout)
    assert 1 <= len(out) < 50
    assert {x["error"]["code"] for x in out} == {"worker_died"}


# -- deaths --------------------------------------------------------------------


def test_deaths_do_not_show_in_the_output_of_an_idempotent_command(
    charmer: Command,
) -> None:
    count, killer = 10_000, Killer(most=25, every=0.1)
    code, out, error = map_while(
        charmer,
        charmer.settings(intensity=1000),
        ["slow_square"],
        lines(range(count)),
        killer,
    )
    assert (code, error) == (0, ""), f"seed {SEED}"
    assert killer.killed >= 10, f"seed {SEED}"
    assert parsed(out) == [x * x for x in range(count)], f"seed {SEED}"


def test_a_pool_that_degrades_on_the_way_recovers_and_loses_nothing(
    charmer: Command,
) -> None:
    count, killer = 10_000, Killer(most=12, every=0.02)
    code, out, error = map_while(
        charmer,
        charmer.settings(
            # Some die before they were ready, which uses up nothing.
            intensity=2,
            restart_backoff={"minimum": "50ms", "maximum": "200ms"},
        ),
        ["--events=json", "slow_square"],
        lines(range(count)),
        killer,
    )
    assert code == 0, f"seed {SEED}: {error}"
    assert killer.killed == 12, f"seed {SEED}"
    for name in ("charmer.pool.degraded", "charmer.pool.recovered"):
        assert name in error, f"seed {SEED}"
    assert parsed(out) == [x * x for x in range(count)], f"seed {SEED}"


def test_without_the_mark_only_what_had_begun_is_lost(charmer: Command) -> None:
    count, killer = 10_000, Killer(most=25, every=0.1)
    journal = os.path.join(charmer.folder, "journal")
    code, out, _ = map_while(
        charmer,
        charmer.settings(intensity=1000),
        ["--on-error", "record", "journal"],
        lines({"x": x, "file": journal} for x in range(count)),
        killer,
    )
    assert killer.killed >= 10, f"seed {SEED}"
    results = parsed(out)
    lost = {i for i, x in enumerate(results) if isinstance(x, dict)}
    assert len(results) == count, f"seed {SEED}"
    assert code == (1 if lost else 0)
    # One worker runs one item at a time, so a death costs one at most.
    assert len(lost) <= killer.killed, f"seed {SEED}"
    with open(journal) as file:
        begun = sorted(int(x) for x in file)
    assert len(begun) == len(set(begun)), "nothing ran twice"
    for i, x in enumerate(results):
        if i not in lost:
            assert x == i
            continue
        assert x["error"]["code"] == "worker_died", x
        assert (x["error"]["line"], x["error"]["signal"]) == (i + 1, 9)
        assert x["error"]["begun"] is True
    assert set(range(count)) - set(begun) <= lost


# -- signals -------------------------------------------------------------------


@pytest.mark.parametrize(
    "number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_a_signal_lets_the_running_finish(
    charmer: Command, number: signal.Signals, status: int
) -> None:
    begun = os.path.join(charmer.folder, "begun")
    process = charmer.start("map", "-c", charmer.settings(), "begin")
    item = json.dumps({"file": begun, "seconds": 0.8}).encode() + b"\n"
    process.stdin.write(item * 4)
    process.stdin.flush()
    poll(
        lambda: os.path.exists(begun) and os.path.getsize(begun) == 4 * 6,
        "all four have begun",
    )
    process.stdin.write(item * 100)
    process.stdin.flush()
    process.send_signal(number)
    out, error = process.communicate(timeout=15)
    assert process.returncode == status
    assert out == b"0.8\n" * 4
    assert b"interrupted: 4 items were finished" in error


def interrupted(charmer: Command, *seconds: int) -> Any:
    """What map says that is interrupted when items have begun which take so
    long; only the first one is printed."""
    begun = os.path.join(charmer.folder, "begun")
    process = charmer.start("map", "-c", charmer.settings(), "begin")
    process.stdin.write(
        lines([{"file": begun, "seconds": x} for x in seconds]).encode()
    )
    process.stdin.flush()
    poll(
        lambda: os.path.exists(begun)
        and os.path.getsize(begun) == len(seconds) * 6,
        "all have begun",
    )
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=20)
    assert (process.returncode, out) == (130, b"0\n")
    return error


def test_what_does_not_finish_after_a_signal_is_cancelled(
    charmer: Command,
) -> None:
    error = interrupted(charmer, 0, 60, 0)
    assert b"1 items were finished, 2 more were taken and not printed" in error
    # Whoever begins again at line 2 does the third one twice.
    assert b"line 2 was not finished, and of those behind it 1 was;" in error


def test_what_was_not_finished_and_has_nothing_behind_it_is_told_as_such(
    charmer: Command,
) -> None:
    error = interrupted(charmer, 0, 60, 60)
    assert b"2 more were taken and not finished; the rest" in error


def test_a_second_signal_ends_it_at_once(charmer: Command) -> None:
    begun = os.path.join(charmer.folder, "begun")
    process = charmer.start("map", "-c", charmer.settings(), "begin")
    process.stdin.write(lines([{"file": begun, "seconds": 60}]).encode())
    process.stdin.flush()
    poll(lambda: os.path.exists(begun), "it has begun")
    process.send_signal(signal.SIGINT)
    start = time.monotonic()
    while process.poll() is None and time.monotonic() < start + 1.5:
        time.sleep(0.05)
        process.send_signal(signal.SIGINT)
    assert process.poll() == -signal.SIGINT
    process.communicate(timeout=10)


# -- streams -------------------------------------------------------------------


def test_a_closed_stdout_ends_it_quietly(charmer: Command) -> None:
    source = charmer.file("in.jsonl", lines(range(200_000)))
    process = charmer.start(
        "map", "-c", charmer.settings(), "--input", source, "square"
    )
    assert process.stdout.readline() == b"0\n"
    process.stdout.close()
    error = process.stderr.read()
    assert (process.wait(30), error) == (141, b"")


def test_a_full_disk_is_an_input_output_error(charmer: Command) -> None:
    done = charmer.map("--output", "/dev/full", "square", input="1\n2\n")
    assert done.returncode == 74
    assert "No space left" in done.stderr


def test_an_input_that_cannot_be_read_is_told(charmer: Command) -> None:
    for path in ("nowhere.jsonl", charmer.folder):
        done = charmer.map("--input", path, "square")
        assert done.returncode == 74
        assert path in done.stderr


@pytest.mark.skipif(
    bool(os.environ.get("CHARMER_SANITIZE")), reason="keeps what was freed"
)
def test_memory_stays_bounded_however_long_the_input(charmer: Command) -> None:
    line = json.dumps({"x": "y" * 2000}) + "\n"
    most, out = 0, 0
    source = charmer.file("in.jsonl", line * 100_000)  # 200 MB
    process = charmer.start(
        "map", "-c", charmer.settings(), "--input", source, "echo"
    )
    while True:
        chunk = process.stdout.read(1 << 20)
        if not chunk:
            break
        out += chunk.count(b"\n")
        most = max(most, resident(process.pid))
    assert (process.wait(60), out) == (0, 100_000)
    assert most < 120 << 20
    process.communicate(timeout=10)


@pytest.mark.skipif(
    bool(os.environ.get("CHARMER_SANITIZE")), reason="keeps what was freed"
)
def test_a_reader_that_is_slow_holds_the_input_back(charmer: Command) -> None:
    source = charmer.file("in.jsonl", (json.dumps("y" * 2000) + "\n") * 100_000)
    process = charmer.start(
        "map", "-c", charmer.settings(), "--input", source, "echo"
    )
    process.stdout.read(1)  # it runs; nobody reads on
    sizes: List[int] = []
    end = time.monotonic() + 20
    while (len(sizes) < 10 or len(set(sizes[-10:])) > 1) and time.monotonic() < end:
        time.sleep(0.1)
        sizes.append(resident(process.pid))
    assert sizes[-1] < 120 << 20
    process.send_signal(signal.SIGTERM)
    process.stdout.close()
    process.stderr.read()
    assert process.wait(15) in (141, 143)


# -- what people see -----------------------------------------------------------


def test_a_bar_is_drawn_only_when_asked_for_or_on_a_terminal(
    charmer: Command,
) -> None:
    source = charmer.file("in.jsonl", lines([0.05] * 40))
    done = charmer.map("--input", source, "--progress", "always", "sleep")
    assert re.search(r"\[#+ *\] +\d+%  \d+ done  \d+/s  ETA 0:0", done.stderr)
    assert done.stderr.endswith("\r\x1b[K"), "the bar is removed"
    assert charmer.map("--input", source, "sleep").stderr == ""


def test_ctrl_c_in_a_terminal_ends_it_in_order(charmer: Command) -> None:
    source = charmer.file("in.jsonl", lines([0.01] * 100_000))
    target = os.path.join(charmer.folder, "out.jsonl")
    host, terminal = pty.openpty()
    process = charmer.start(
        "map", "-c", charmer.settings(), "--input", source, "--output", target,
        "sleep", stdin=terminal, stdout=terminal, stderr=terminal,
        preexec_fn=lambda: (os.setsid(), fcntl.ioctl(0, termios.TIOCSCTTY, 0)),
    )  # fmt: skip
    os.close(terminal)
    seen = b""
    while b"ETA" not in seen:
        assert select.select([host], [], [], 30)[0], seen
        seen += os.read(host, 1 << 16)
    os.write(host, b"\x03")
    while select.select([host], [], [], 15)[0]:
        try:
            seen += os.read(host, 1 << 16)
        except OSError:  # the other end is closed
            break
    os.close(host)
    assert process.wait(15) == 130
    finished = re.search(rb"interrupted: (\d+) items were finished", seen)
    assert finished, seen
    with open(target) as out:
        assert len(out.readlines()) == int(finished[1])


def test_nothing_is_left_when_it_is_killed(charmer: Command) -> None:
    process = charmer.start("map", "-c", charmer.settings(), "sleep")
    process.stdin.write(b"60\n" * 4)
    process.stdin.flush()
    poll(lambda: len(workers(process.pid)) == 4, "four workers")
    process.kill()
    process.wait(10)
    poll(lambda: not marked_processes(), "the workers have ended", 1)
    process.communicate(timeout=10)


def test_a_host_that_was_stopped_for_a_while_kills_and_loses_nobody(
    charmer: Command,
) -> None:
    seen: List[List[int]] = []

    def stop_once(process: Any) -> None:
        if not seen:
            seen.append(sorted(workers(process.pid)))
            process.send_signal(signal.SIGSTOP)
            time.sleep(1.5)  # longer than any item may take
            process.send_signal(signal.SIGCONT)
        elif len(seen) == 1:
            seen.append(sorted(workers(process.pid)))

    status, out, err = map_while(
        charmer, charmer.settings(), ["sleep", "--timeout", "1s"],
        lines([0.05] * 200), stop_once,
    )  # fmt: skip
    assert (status, parsed(out)) == (0, [0.05] * 200), err
    assert len(seen) == 2 and seen[0] == seen[1] and len(seen[0]) == 4


def test_the_summary_tells_what_was_done(charmer: Command) -> None:
    done = charmer.map("--summary", "square", input=lines(range(1234)))
    assert re.fullmatch(
        r"charmer: 1,234 items, 1,234 done, 0 failed, 0 sent again, \d+\.\d s\n",
        done.stderr,
    )


def test_events_are_told_while_it_runs(charmer: Command) -> None:
    done = charmer.map(
        "--events=json", "--on-error", "skip", "die", input="1\n"
    )
    assert "charmer: 1 of 1 items failed\n" in done.stderr
    events = [x for x in done.stderr.splitlines() if x.startswith("{")]
    names = {json.loads(x)["name"] for x in events}
    assert "charmer.supervisor.child_terminated" in names


def test_the_tree_shows_what_was_restarted(charmer: Command) -> None:
    # The second item finds a worker only after the first one's was restarted.
    done = charmer(
        "map", "-c", charmer.settings(size=1), "--tree=json", "--on-error", "skip",
        "die", input="1\n2\n",
    )  # fmt: skip
    tree = json.loads(done.stderr.splitlines()[-1])
    pool = next(x for x in tree["children"] if x["id"] == "pool default")
    group = next(x for x in pool["children"] if x["id"] == "workers")
    assert group["charged"] >= 1
    assert sorted(x["restarts_in_all"] for x in group["children"])[-1] >= 1


def test_a_file_is_not_both_input_and_output(charmer: Command, tmp_path: Path) -> None:
    both = tmp_path / "both"
    both.write_text("1\n2\n")
    done = charmer.map("--input", str(both), "--output", str(both), "square", input="")
    assert done.returncode == 74
    assert "it is the input" in done.stderr
    assert both.read_text() == "1\n2\n"


def test_an_output_is_kept_if_the_input_cannot_be_read(charmer: Command, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("kept")
    done = charmer.map(
        "--input",
        str(tmp_path / "missing"),
        "--output",
        str(kept),
        "square",
        input="",
    )
    assert done.returncode == 74
    assert kept.read_text() == "kept"


def test_a_nul_byte_is_malformed_json(charmer: Command) -> None:
    done = charmer.map("square", input="1\n2\0\n3\n")
    assert done.returncode == 65
    assert "line 2" in done.stderr
