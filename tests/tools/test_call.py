"""`charmer call`, `check`, and the command line itself."""

import json
import os
import re
import signal

import pytest
from conftest import ADAPTERS, Command, poll, workers


def test_a_result_is_a_line_of_json(charmer: Command) -> None:
    done = charmer.call("square", '{"x": 12}')
    assert (done.returncode, done.stdout, done.stderr) == (0, "144\n", "")


@pytest.mark.parametrize("arguments", ["[12]", "12", '{"x": 12}'])
def test_arguments_come_by_name_by_position_or_alone(
    charmer: Command, arguments: str
) -> None:
    assert charmer.call("square", arguments).stdout == "144\n"


def test_arguments_may_be_left_out_or_come_from_stdin(charmer: Command) -> None:
    assert charmer.call("echo").stdout == "null\n"
    assert charmer.call("echo", "-", input='{"x": [1, 2.0]}\n').stdout == (
        "[1,2.0]\n"
    )


def test_a_call_may_belong_to_a_session(charmer: Command) -> None:
    assert charmer.call("guest").stdout == "null\n"
    assert charmer.call("guest", "--session", "ann").stdout == '"ann"\n'


def test_bytes_are_written_as_they_are(charmer: Command) -> None:
    process = charmer.start("call", "-c", charmer.settings(), "raw", "256")
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, bytes(range(256)))


def test_an_exception_comes_with_its_traceback(charmer: Command) -> None:
    done = charmer.call("odd", "[4]")
    assert (done.returncode, done.stdout) == (1, "")
    assert "python_exception: ValueError: 4 is even" in done.stderr
    assert 'items.py", line' in done.stderr
    assert done.stderr.count("Traceback") == 1


def test_an_unknown_command_names_those_that_there_are(charmer: Command) -> None:
    done = charmer.call("sqare", "[4]")
    assert done.returncode == 1
    assert re.search("unknown_command.*'sqare'.*square", done.stderr)


def test_wrong_arguments_are_told_with_the_signature(charmer: Command) -> None:
    done = charmer.call("square", '{"y": 1}')
    assert done.returncode == 1
    assert "square(x: int) -> int" in done.stderr


def test_malformed_arguments_are_bad_input(charmer: Command) -> None:
    done = charmer.call("square", '{"x": }')
    assert done.returncode == 65
    assert "line 1, column 7" in done.stderr


def test_what_a_worker_prints_disturbs_nothing(charmer: Command) -> None:
    done = charmer.call("prints", "7")
    assert (done.returncode, done.stdout) == (0, "7\n")


def test_a_result_that_cannot_be_encoded_is_told(charmer: Command) -> None:
    done = charmer.call("nothing_encodable")
    assert done.returncode == 1
    assert "bad_payload" in done.stderr and "set" in done.stderr


def test_frames_have_a_limit_in_both_directions(charmer: Command) -> None:
    file = charmer.settings(max_frame_bytes="64KiB")
    done = charmer("call", "-c", file, "text", "100000")
    assert done.returncode == 1
    assert "frame_too_large" in done.stderr
    done = charmer("call", "-c", file, "echo", json.dumps("x" * 100_000))
    assert done.returncode == 1
    assert "frame_too_large" in done.stderr


def test_the_death_of_a_worker_says_what_it_said_last(charmer: Command) -> None:
    done = charmer.call("die")
    assert done.returncode == 1
    assert "worker_died" in done.stderr and "SIGKILL" in done.stderr
    assert "about to die" in done.stderr


def test_a_deadline_ends_a_call(charmer: Command) -> None:
    done = charmer.call("--timeout", "200ms", "sleep", "30", limit=10)
    assert done.returncode == 124
    assert "exec_timeout" in done.stderr


def test_an_adapter_that_does_not_import_is_told_once(charmer: Command) -> None:
    done = charmer("call", "-c", charmer.settings(adapter="no_import"), "echo")
    assert done.returncode == 69
    assert "a_package_that_is_not_there" in done.stderr
    assert done.stderr.count("Traceback") == 1


def test_a_missing_adapter_is_told_with_where_it_was_looked_for(
    charmer: Command,
) -> None:
    done = charmer("call", "-c", charmer.settings(adapter="nowhere"), "echo")
    assert done.returncode == 69
    assert "no module 'nowhere'" in done.stderr and ADAPTERS in done.stderr


def test_a_missing_interpreter_is_told(charmer: Command) -> None:
    file = charmer.settings(python="no-such-python")
    done = charmer("call", "-c", file, "echo")
    assert done.returncode == 69
    assert "no-such-python" in done.stderr


def test_all_mistakes_in_settings_are_told_at_once(charmer: Command) -> None:
    file = charmer.settings(size=0, adaptr="items", request_timeout="5")
    for words in (["call", "-c", file, "echo"], ["check", "-c", file]):
        done = charmer(*words)
        assert done.returncode == 78
        for place in ("pools[0].size", "pools[0].adaptr", "request_timeout"):
            assert place in done.stderr


def test_settings_that_are_no_json_are_told_with_their_line(
    charmer: Command,
) -> None:
    done = charmer("call", "-c", charmer.file("x.json", '{\n  "pools": [}'), "echo")
    assert done.returncode == 78
    assert "line 2" in done.stderr


def test_one_of_several_pools_is_chosen_and_only_that_is_started(
    charmer: Command,
) -> None:
    pools = [
        {"name": "one", "adapter": "items", "size": 1},
        {"name": "broken", "adapter": "no_import", "size": 1},
    ]
    for pool in pools:
        pool["python_path"] = [ADAPTERS]
    file = charmer.file("two.json", json.dumps({"pools": pools}))
    done = charmer("call", "-c", file, "--pool", "one", "square", "3")
    assert (done.returncode, done.stdout) == (0, "9\n")
    done = charmer("call", "-c", file, "square", "3")
    assert done.returncode == 78
    assert "one, broken" in done.stderr


def test_an_adapter_needs_no_file(charmer: Command) -> None:
    charmer.file("here.py", "def double(x): return 2 * x\n")
    done = charmer("call", "--adapter", "here", "--size", "1", "double", "4")
    assert (done.returncode, done.stdout) == (0, "8\n")
    done = charmer(
        "call", "--adapter", "items", "--python-path", ADAPTERS, "square", "4"
    )
    assert (done.returncode, done.stdout) == (0, "16\n")


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["call"],
        ["call", "echo"],
        ["call", "-c", "x.json", "--adapter", "y", "echo"],
        ["call", "-c", "x.json", "--size", "3", "echo"],
        ["call", "--adapter", "x", "--timeout", "5", "echo"],
        ["call", "--adapter", "x", "--events=xml", "echo"],
        ["call", "--adapter", "x", "--tree=xml", "echo"],
        ["map", "--adapter", "x", "--on-error", "hope", "echo"],
        ["charm"],
    ],
)
def test_a_wrong_command_line_is_told(charmer: Command, words: list) -> None:
    done = charmer(*words)
    assert done.returncode == 2
    assert done.stderr and not done.stdout


@pytest.mark.parametrize("words", [[], ["call"], ["map"], ["check"], ["doctor"]])
def test_help_tells_the_exit_statuses(charmer: Command, words: list) -> None:
    done = charmer(*words, "--help")
    assert done.returncode == 0
    assert "exit status:" in done.stdout
    if words:
        assert "examples:" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_the_version_is_told(charmer: Command) -> None:
    done = charmer("--version")
    assert re.fullmatch(r"charmer \d+\.\d+\.\d+\n", done.stdout)


def test_check_lists_commands_with_signature_and_marks(charmer: Command) -> None:
    done = charmer("check", "-c", charmer.settings(idempotent=["echo"]))
    assert (done.returncode, done.stderr) == (0, "")
    assert "square(x: int) -> int  [idempotent]\n      The square.\n" in (
        done.stdout
    )
    assert "echo(x: object = None) -> object  [idempotent]" in done.stdout
    assert re.search(r"die\(x: int = 0\) -> None\n", done.stdout)
    assert "second paragraph" not in done.stdout


def test_check_looks_at_every_pool(charmer: Command) -> None:
    pools = [
        {"name": "a", "adapter": "no_import"},
        {"name": "b", "adapter": "items", "idempotent": ["sqare"]},
        {"name": "c", "adapter": "items", "python": "no-such-python"},
        {"name": "d", "adapter": "items"},
    ]
    for pool in pools:
        pool["python_path"] = [ADAPTERS]
    done = charmer("check", "-c", charmer.file("p.json", json.dumps({"pools": pools})))
    assert done.returncode == 78
    assert "a_package_that_is_not_there" in done.stderr
    assert "sqare" in done.stderr and "no-such-python" in done.stderr
    assert "pool d: 4 x process items" in done.stdout


def test_check_tells_what_a_file_says_without_need(charmer: Command) -> None:
    legacy = {
        "adapter_module": "items",
        "pool_size": 1,
        "grpc_config": {"base_port": 50051},
        "pool_config": {"python_path": [ADAPTERS]},
    }
    done = charmer("check", "-c", charmer.file("old.json", json.dumps(legacy)))
    assert done.returncode == 0
    assert "pool default: 1 x process items" in done.stdout
    assert "grpc_config is not needed" in done.stderr


def test_a_call_says_that_pooling_is_not_enabled(charmer: Command) -> None:
    off = {"pooling_enabled": False, "pools": [{"adapter": "items"}]}
    done = charmer("call", "-c", charmer.file("off.json", json.dumps(off)), "echo")
    assert done.returncode == 78
    assert "pooling_enabled is false" in done.stderr


def test_events_are_lines_on_stderr(charmer: Command) -> None:
    done = charmer.call("--events", "echo")
    assert done.stdout == "null\n"
    assert "charmer.worker.ready" in done.stderr
    assert "root/pool default/workers" in done.stderr
    events = charmer.call("--events=json", "echo").stderr.splitlines()
    names = {json.loads(x)["name"] for x in events}
    assert "charmer.supervisor.supervisor_started" in names


def test_the_tree_is_printed_when_the_work_is_over(charmer: Command) -> None:
    done = charmer.call("--tree", "echo")
    assert (done.returncode, done.stdout) == (0, "null\n")
    lines = done.stderr.splitlines()
    assert re.match(r"root +running +one_for_one 0/1 in 5s, up ", lines[0])
    assert re.match(r"├── events +running +up ", lines[1])
    assert re.match(r"└── pool default +running +one_for_one", lines[3])
    workers_line = next(x for x in lines if "── workers" in x)
    assert re.search(r"running +one_for_one 0/5 in 60s", workers_line)
    assert any(re.search(r"│   .── worker-\d +running +up ", x) for x in lines)


def test_the_tree_is_printed_as_json(charmer: Command) -> None:
    done = charmer.call("--tree=json", "odd", "[4]")  # that fails
    assert done.returncode == 1
    tree = json.loads(done.stderr.splitlines()[-1])
    assert tree["path"] == "root"
    pool = next(x for x in tree["children"] if x["id"] == "pool default")
    group = next(x for x in pool["children"] if x["id"] == "workers")
    assert group["answers"] and group["intensity"] == 5
    assert {x["state"] for x in group["children"]} <= {"running", "starting"}


def test_the_tree_is_printed_also_if_no_worker_starts(charmer: Command) -> None:
    file = charmer.settings(adapter="no_import")
    done = charmer("call", "-c", file, "--tree", "echo")
    assert done.returncode == 69
    assert re.search(r"├── workers +(running|backoff)", done.stderr)


@pytest.mark.parametrize(
    "number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_a_signal_ends_a_call(
    charmer: Command, number: signal.Signals, status: int
) -> None:
    begun = os.path.join(charmer.folder, "begun")
    arguments = json.dumps({"file": begun, "seconds": 60})
    process = charmer.start("call", "-c", charmer.settings(), "begin", arguments)
    poll(lambda: os.path.exists(begun), "the call has begun")
    process.send_signal(number)
    out, _ = process.communicate(timeout=15)
    assert (process.returncode, out) == (status, b"")


def test_a_signal_ends_a_start_that_takes_long(charmer: Command) -> None:
    charmer.file("slow.py", "import time\ntime.sleep(60)\n")
    process = charmer.start("call", "--adapter", "slow", "echo")
    poll(lambda: workers(process.pid), "a worker is being started")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=15)
    assert process.returncode == 130


def test_a_closed_stdout_ends_it_quietly(charmer: Command) -> None:
    process = charmer.start("call", "-c", charmer.settings(), "text", "1000000")
    process.stdout.close()
    error = process.stderr.read()
    assert (process.wait(60), error) == (141, b"")


def test_a_full_disk_is_an_input_output_error(charmer: Command) -> None:
    with open("/dev/full", "w") as full:
        process = charmer.start(
            "call", "-c", charmer.settings(), "echo", stdout=full
        )
        _, error = process.communicate(timeout=60)
    assert process.returncode == 74
    assert b"No space left" in error


def test_events_are_listed_with_what_they_carry(charmer: Command) -> None:
    done = charmer("events")
    assert done.returncode == 0
    assert "`charmer.worker.recycled` (info)" in done.stdout
    listed = {x["name"]: x for x in json.loads(charmer("events", "--json").stdout)}
    recycled = listed["charmer.worker.recycled"]
    assert "uptime_seconds" in recycled["measurements"]
    assert "reason" in recycled["metadata"]
    assert listed["charmer.request.executed"]["at_least"] == "trace"
