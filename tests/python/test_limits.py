"""Limits are where they are said to be: of frames, and of time."""

from __future__ import annotations

import glob
import json
import os

import pytest
from conftest import PACKAGE

LIMIT = 100_000


def call_of_size(host, size):
    """A call whose frame has exactly so many bytes."""
    text = "x" * (size - 100)
    while True:
        call = host.make_call("length", text)
        missing = size - len(call.SerializeToString())
        if missing == 0:
            return call, len(text)
        text = text[:missing] if missing < 0 else text + "x" * missing
        host.next_id -= 1


@pytest.fixture(params=[1, 4], ids=["process", "thread"])
def host(request, start):
    return start("clock", threads=request.param, max_frame_bytes=LIMIT)


@pytest.mark.parametrize("size", [65535, 65536, 65537, LIMIT - 1, LIMIT])
def test_a_frame_up_to_the_limit_is_taken(host, size):
    call, length = call_of_size(host, size)
    host.send(call, host.make_call("length", "next"))
    got = sorted((host.receive().result for _ in range(2)), key=lambda x: x.id)
    assert [json.loads(x.value.json) for x in got] == [length, 4]


def test_one_byte_more_ends_the_worker_with_both_sizes(host):
    call, _ = call_of_size(host, LIMIT + 1)
    host.send(call)
    with pytest.raises(EOFError) as end:
        host.receive()
    assert host.wait() == 1
    assert f"a frame of {LIMIT + 1} bytes" in str(end.value)
    assert f"the limit of {LIMIT}" in str(end.value)


def test_a_length_of_four_gigabytes_allocates_nothing(host):
    host.raw(b"\xff\xff\xff\xff")
    with pytest.raises(EOFError, match="4294967295"):
        host.receive()
    assert host.wait() == 1


# -- the wall clock ------------------------------------------------------------


def result(host):
    """The next one, whatever is told before it."""
    while True:
        frame = host.receive()
        if frame.WhichOneof("body") == "telemetry":
            measured = json.loads(frame.telemetry.measurements)
            assert 0 < measured["duration_ns"] < 10e9
        elif frame.WhichOneof("body") != "host_call":
            assert 0 <= frame.result.elapsed_ns < 10e9
            return json.loads(frame.result.value.json)


def test_deadlines_know_nothing_of_the_wall_clock(host):
    host.send(host.make_call("times", timeout_ns=30_000_000_000))
    first, second, passed = result(host)
    assert 20 < first <= 30
    assert abs((first - second) - passed) < 0.05


@pytest.mark.parametrize("command", ["asks", "asks_async"])
def test_waiting_for_the_host_knows_nothing_of_the_wall_clock(host, command):
    host.send(host.make_call(command, 0.2))
    assert 0.19 < result(host) < 5


def test_sessions_know_nothing_of_the_wall_clock(start):
    host = start("clock", options={"charmer": {"sessions": {"ttl": 60}}})
    for n in range(4):
        assert len(host.value("remembers", "x", session="a")) == n + 1


def test_nothing_in_the_package_asks_for_the_wall_clock():
    files = glob.glob(os.path.join(PACKAGE, "charmer", "*.py"))
    assert len(files) > 20
    for file in files:
        with open(file) as source:
            text = source.read()
        for word in ("time.time", "datetime", "localtime"):
            assert word not in text, file
