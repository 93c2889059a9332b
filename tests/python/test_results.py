"""Results: what becomes JSON, what bytes, and what is refused and why."""

from __future__ import annotations

import json
import subprocess

import pytest
from conftest import wire

Failure = wire.Failure


@pytest.mark.parametrize(
    "name, text",
    [
        ("int", "1"),
        ("big", str(2**70)),
        ("bool", "true"),
        ("float", "1.0"),
        ("none", "null"),
        ("tuple", "[1,[2.5,null]]"),
        ("enum", "1"),
        ("ordered", '{"b":1,"a":2}'),
        ("empty", "{}"),
    ],
)
def test_json_keeps_the_kind_of_every_value(start, name, text):
    assert start("results").call("get", name).value.json == text.encode()


def test_text_travels_as_utf8(start):
    value = start("results").call("get", "text").value
    assert json.loads(value.json) == "ä€😀\x00\u2028"
    assert "€".encode() in value.json


def test_everything_like_bytes_travels_as_bytes(start):
    host = start("results")
    assert host.call("get", "bytearray").value.raw == b"abc"
    assert host.call("get", "view").value.raw == b"ace"


@pytest.mark.parametrize(
    "name, words",
    [
        ("nan", ['result["a"][2] is nan', "no JSON"]),
        ("infinity", ["result is -inf"]),
        ("set", ['result["a"][3] is of type set', "sorted("]),
        ("bytes inside", ["result[0] is of type bytes", "alone"]),
        ("object", ["result is of type object"]),
        ("dataclass", ["results.Point", "asdict"]),
        ("numpy", ["result[0] is of type numpy.Bool_", ".tolist()"]),
        ("int key", ['result["rows"][0] has the key 1 of type int']),
        ("tuple key", ["result has the key (1, 2) of type tuple"]),
        ("none key", ["key None"]),
        ("surrogate", ["result[1] is no valid Unicode"]),
        ("surrogate key", ["key", "no valid Unicode"]),
        ("circular", ['result[0]["again"] contains itself']),
        ("deep", ["nested too deeply"]),
        ("generator", ['result["rows"] is of type generator', "list("]),
        ("sly", ["result"]),
    ],
)
def test_what_is_no_json_is_refused_with_its_place(start, name, words):
    host = start("results")
    failure = host.call("get", name)
    assert failure.kind == Failure.BAD_RESULT, failure
    for word in words:
        assert word in failure.exception.text
    assert host.value("get", "int") == 1


def test_an_exit_while_the_result_is_encoded_is_that_calls_failure(start):
    host = start("results")
    host.call("get", "exit")
    assert host.value("get", "int") == 1
    assert "not today" in host.call("get", "exits once").exception.text
    assert host.value("get", "exits once") == {"a": 1}


@pytest.mark.parametrize("digits", [20, 308, 309, 400, 4300])
def test_an_int_keeps_all_its_digits_in_both_directions(start, digits):
    host = start("results")
    text = b"-" + b"7" * digits
    arguments = wire.Payload(json=b'{"x": [' + text + b"]}")
    assert host.call("same", payload=arguments).value.json == b"[" + text + b"]"


def has_limit(python):
    code = "import sys; sys.exit(not hasattr(sys, 'get_int_max_str_digits'))"
    return subprocess.run([python, "-c", code]).returncode == 0


def test_an_int_of_too_many_digits_is_refused_with_its_place(start, python):
    host = start("results")
    places = {"digits": "result", "digits inside": 'result["a"][1]'}
    for name, place in places.items():
        answer = host.call("get", name)
        if not has_limit(python):  # there is nothing that could be lost
            assert len(answer.value.json) > 5000
            continue
        assert answer.kind == Failure.BAD_RESULT
        assert f"{place} is an int of about 5001" in answer.exception.text
        assert "sys.set_int_max_str_digits" in answer.exception.text
    arguments = wire.Payload(json=b'{"x": [1, {"y": ' + b"7" * 5000 + b"}]}")
    answer = host.call("same", payload=arguments)
    if has_limit(python):
        assert answer.kind == Failure.BAD_ARGUMENTS
        text = answer.exception.text
        assert 'arguments["x"][1]["y"] is an int of 5000 digits' in text
        assert "sys.set_int_max_str_digits" in text
    assert host.value("get", "int") == 1


def test_an_adapter_may_lift_the_limit(start, tmp_path):
    (tmp_path / "lifted.py").write_text(
        "import sys\n"
        "if hasattr(sys, 'set_int_max_str_digits'):\n"
        "    sys.set_int_max_str_digits(0)\n"
        "def same(x): return x\n"
    )
    host = start("lifted", python_path=[str(tmp_path)])
    text = b"7" * 10_000
    assert host.call("same", payload=wire.Payload(json=text)).value.json == text


def test_a_coroutine_that_a_plain_function_returns_is_run(start):
    assert start("results").value("returns_coroutine") == 1


@pytest.mark.parametrize("command", ["text", "raw"])
def test_a_result_above_the_limit_is_refused_with_both_sizes(start, command):
    limit = 100_000
    host = start("results", max_frame_bytes=limit)
    for size in (limit - 10, limit * 2):
        failure = host.call(command, size)
        assert failure.kind == Failure.TOO_LARGE
        assert str(limit) in failure.exception.text
    assert isinstance(host.call(command, limit - 100), wire.Result)


@pytest.mark.parametrize("threads", [1, 4], ids=["process", "thread"])
def test_many_bytes_are_not_copied_on_their_way_out(start, threads):
    size = 64 << 20
    host = start("results", threads=threads, max_frame_bytes=size + 100)
    assert len(host.call("raw", 1).value.raw) == 1

    def most():
        with open(f"/proc/{host.process.pid}/status") as status:
            (line,) = [x for x in status if x.startswith("VmHWM:")]
        return int(line.split()[1]) << 10

    before = most()
    assert host.call("raw", size).value.raw == bytes(size)
    assert most() - before < 1.5 * size


def test_a_large_result_has_the_frame_of_a_small_one():
    from charmer.frames import raw_result

    for size in (65537, 1 << 21):
        for id in (1, 127, 128, 1 << 62):
            for elapsed in (0, 300, 1 << 40):
                head, body = raw_result(id, b"\xff" * size, elapsed)
                frame = wire.Frame.FromString(head + body)
                assert frame.result.id == id
                assert frame.result.elapsed_ns == elapsed
                assert frame.result.value.raw == body
                assert frame.ByteSize() <= len(head + body) <= frame.ByteSize() + 2


def test_the_memory_of_a_large_result_is_given_back(start):
    host = start("results")
    for _ in range(20):
        assert len(host.call("raw", 8 << 20).value.raw) == 8 << 20
    with open(f"/proc/{host.process.pid}/status") as status:
        (resident,) = [x for x in status if x.startswith("VmRSS:")]
    assert int(resident.split()[1]) < 100_000


def test_many_results_do_not_grow_the_worker(start):
    host = start("results")

    def resident() -> int:
        with open(f"/proc/{host.process.pid}/statm") as statm:
            return int(statm.read().split()[1]) * 4096

    def calls() -> None:
        batch = [host.make_call("text", 1000) for _ in range(5000)]
        host.send(*batch[:2500])
        for _ in batch[:2500]:
            host.receive()

    calls()
    before = resident()
    for _ in range(4):
        calls()
    assert resident() - before < 4 << 20
