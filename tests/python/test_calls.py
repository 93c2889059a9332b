"""Calls: arguments in, results out, in order and in batches."""

from __future__ import annotations

import json
import struct
import time

import pytest
from conftest import poll, wire

Failure = wire.Failure
Payload = wire.Payload


def json_payload(text: str) -> wire.Payload:
    return Payload(json=text.encode())


@pytest.mark.parametrize(
    "text, value",
    [
        ('{"a": 5, "b": 3}', 8),
        ("[5, 3]", 8),
        (' { "a":5,"b" : 3 } ', 8),
        ('{"a": 1.5, "b": 1}', 2.5),
        ('["a", "b"]', "ab"),
    ],
)
def test_arguments_go_by_name_or_by_position(start, text, value):
    host = start("echo")
    got = host.value("add", payload=json_payload(text))
    assert got == value and type(got) is type(value)


@pytest.mark.parametrize(
    "text", ["5", '"text"', "null", "true", "1.0", '"ä€😀"', '{"x": {"y": 1}}']
)
def test_any_other_json_is_the_one_argument(start, text):
    host = start("echo")
    value = host.value("echo", payload=json_payload(text))
    expected = json.loads(text)
    if isinstance(expected, dict):
        expected = expected["x"]
    assert value == expected and type(value) is type(expected)


def test_no_payload_is_no_argument(start):
    host = start("echo")
    assert host.value("echo", payload=Payload()) is None
    assert host.value("echo", payload=Payload(json=b"")) is None


def test_bytes_travel_as_bytes(start):
    host = start("echo")
    data = bytes(range(256))
    assert host.call("echo", payload=Payload(raw=data)).value.raw == data


def test_a_typed_message_travels_as_its_class(start, tmp_path):
    (tmp_path / "typed.py").write_text(
        "from google.protobuf import timestamp_pb2\n"
        "def later(x):\n"
        "    assert type(x) is timestamp_pb2.Timestamp, type(x)\n"
        "    return timestamp_pb2.Timestamp(seconds=x.seconds + 1)\n"
    )
    from google.protobuf.timestamp_pb2 import Timestamp

    host = start("typed", python_path=[str(tmp_path)])
    name = "google.protobuf.Timestamp"
    message = wire.TypedMessage(
        type=name, value=Timestamp(seconds=41).SerializeToString()
    )
    value = host.call("later", payload=Payload(message=message)).value
    assert value.message.type == name
    assert Timestamp.FromString(value.message.value).seconds == 42
    unknown = wire.TypedMessage(type="no.Such")
    failure = host.call("later", payload=Payload(message=unknown))
    assert failure.kind == Failure.BAD_ARGUMENTS
    assert "no.Such" in failure.exception.text
    broken = wire.TypedMessage(type=name, value=b"\xff\xff")
    failure = host.call("later", payload=Payload(message=broken))
    assert failure.kind == Failure.BAD_ARGUMENTS


@pytest.mark.parametrize(
    "text", ["{", "nope", "[1, 2", "[NaN]", "[Infinity]", '{"a": 1} x', "[1,]"]
)
def test_arguments_that_are_no_json_are_refused(start, text):
    host = start("echo")
    failure = host.call("echo", payload=json_payload(text))
    assert failure.kind == Failure.BAD_ARGUMENTS
    assert "no JSON" in failure.exception.text
    assert host.value("add", 1, 2) == 3


def test_arguments_that_are_no_utf8_are_refused(start):
    host = start("echo")
    failure = host.call("echo", payload=Payload(json=b'"\xff"'))
    assert failure.kind == Failure.BAD_ARGUMENTS


def test_arguments_nested_without_end_are_refused(start):
    host = start("echo")
    failure = host.call("echo", payload=json_payload("[" * 200_000))
    assert failure.kind == Failure.BAD_ARGUMENTS
    assert host.value("add", 1, 2) == 3


@pytest.mark.parametrize(
    "text", ['{"a": 1}', "[1]", "[1, 2, 3]", '{"a": 1, "c": 2}', "7"]
)
def test_arguments_that_do_not_fit_name_the_signature(start, text):
    failure = start("echo").call("add", payload=json_payload(text))
    assert failure.kind == Failure.BAD_ARGUMENTS
    assert "add(a: " in failure.exception.text


def test_a_type_error_inside_the_command_is_an_exception(start):
    failure = start("echo").call("add", 1, "2")
    assert failure.kind == Failure.EXCEPTION
    assert failure.exception.type == "TypeError"
    assert "in add" in failure.exception.traceback


def test_an_unknown_command_names_the_nearest_and_all(start):
    failure = start("echo").call("ech")
    assert failure.kind == Failure.UNKNOWN_COMMAND
    text = failure.exception.text
    assert "did you mean 'echo'?" in text
    assert "add, echo, health_check, ping" in text


def test_ping_is_built_in(start):
    host = start("echo")
    assert host.value("ping") == {"status": "pong", "pid": host.process.pid}


def test_a_ping_frame_is_answered(start):
    host = start("echo")
    host.send(wire.Frame(ping=wire.Ping(id=9)))
    assert host.receive().pong.id == 9


def test_the_time_that_a_command_takes_is_measured(start, tmp_path):
    (tmp_path / "sleepy.py").write_text(
        "import time\ndef nap(s): time.sleep(s)\n"
    )
    host = start("sleepy", python_path=[str(tmp_path)])
    assert host.call("nap", 0.05).elapsed_ns >= 50_000_000
    assert host.call("nap", 0).elapsed_ns < 40_000_000


def test_a_batch_is_answered_in_order(start):
    host = start("echo")
    calls = [host.make_call("add", n, 1) for n in range(5000)]
    host.send(*calls)
    for n, call in enumerate(calls):
        result = host.receive().result
        assert result.id == call.call.id
        assert result.value.json == str(n + 1).encode()


def test_frames_may_come_byte_by_byte(start):
    host = start("echo")
    for byte in host.frame(host.make_call("add", 2, 3)):
        host.raw(bytes([byte]))
    assert host.receive().result.value.json == b"5"


@pytest.mark.parametrize(
    "size", [0, 1, 100, 126, 127, 128, 16_000, 16_383, 16_384, 65_536, 1 << 20]
)
def test_payloads_of_every_size(start, size):
    host = start("echo")
    text = "x" * size
    first = host.make_call("add", 1, 2)
    large = host.make_call("echo", text)
    host.send(first, large, host.make_call("add", 3, 4))
    assert host.receive().result.value.json == b"3"
    assert json.loads(host.receive().result.value.json) == text
    assert host.receive().result.value.json == b"7"


def test_an_unknown_frame_and_an_empty_one_are_skipped(start):
    host = start("echo")
    newer = b"\xfa\x07\x01x"  # field 127, length-delimited
    host.raw(struct.pack(">I", len(newer)) + newer + struct.pack(">I", 0))
    host.send(wire.Frame(credit=wire.Credit(id=1, chunks=2)))
    host.send(wire.Frame(cancel=wire.Cancel(id=99)))
    assert host.value("add", 1, 2) == 3


def test_a_call_with_fields_of_a_newer_host_is_understood(start):
    host = start("echo")
    call = host.make_call("add", 1, 2).SerializeToString()
    for data in (call + b"\xfa\x07\x01x", b"\xfa\x07\x01x" + call):
        host.raw(struct.pack(">I", len(data)) + data)
        assert host.receive().result.value.json == b"3"


@pytest.mark.parametrize(
    "data", [b"\xff\xff\xff\xff", struct.pack(">I", 3) + b"\x12\xff\xff"]
)
def test_what_is_no_frame_ends_the_worker_with_a_line(start, data):
    host = start("echo")
    host.raw(data)
    assert host.wait() == 1
    assert "protocol error" in host.stderr()


def test_a_quick_answer_is_not_held_back_by_a_slow_command(start, tmp_path):
    (tmp_path / "mixed.py").write_text(
        "import time\ndef quick(): return 1\ndef nap(s): time.sleep(s)\n"
    )
    host = start("mixed", python_path=[str(tmp_path)])
    host.value("quick")
    began = time.monotonic()
    host.send(
        host.make_call("quick"), host.make_call("nap", 1.5),
        host.make_call("quick"), host.make_call("quick"),
    )  # fmt: skip
    assert host.receive().result.value.json == b"1"
    assert time.monotonic() - began < 1.0
    assert [host.receive().result.id for _ in range(3)]


def test_sixty_four_megabytes_there_and_back(start):
    host = start("echo", max_frame_bytes=80 << 20)
    data = bytes(64 << 20)
    began = time.monotonic()
    assert len(host.call("echo", payload=Payload(raw=data)).value.raw) == len(
        data
    )
    assert time.monotonic() - began < 5

    def resident() -> int:
        with open(f"/proc/{host.process.pid}/statm") as statm:
            return int(statm.read().split()[1]) * 4096

    poll(lambda: resident() < 60 << 20, "an idle worker holds no old payload")


def test_a_first_frame_that_is_not_hello_ends_the_worker(spawn):
    host = spawn()
    host.send(host.make_call("ping"))
    assert host.wait() == 1
    assert "not hello" in host.stderr()
