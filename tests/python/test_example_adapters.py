"""The adapters that users copy do what they say."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import threading

import pytest
from conftest import HERE, PACKAGE, poll, wire

EXAMPLES = os.path.join(HERE, "..", "..", "examples", "adapters")
Failure = wire.Failure


@pytest.fixture
def example(start):
    def begin(adapter, **fields):
        return start(adapter, python_path=[EXAMPLES], page=True, **fields)

    return begin


def chunks(host, command, *arguments, **fields):
    """All chunks of a stream."""
    host.send(
        host.make_call(command, *arguments, stream=True, credit=1000, **fields)
    )
    got = []
    while True:
        frame = host.receive()
        if frame.WhichOneof("body") != "chunk":
            assert frame.WhichOneof("body") == "end", frame
            return got
        got.append(frame.chunk.value)


def texts(payloads):
    return [json.loads(x.json) for x in payloads]


def test_the_showcase_shows_every_kind_of_command(example):
    host = example("showcase:Showcase", options={"greeting": "Hello"})
    assert host.value("greet", "Ada") == "Hello, Ada!"
    named = wire.Payload(json=b'{"name": "Ada"}')
    assert host.value("greet", payload=named) == "Hello, Ada!"
    raw = host.call("reverse", payload=wire.Payload(raw=b"\x00abc"))
    assert raw.value.raw == b"cba\x00"
    assert host.value("add", 1, 2) == 3
    assert host.value("divide-by", 1, 4) == 0.25
    failure = host.call("divide-by", 1, 0)
    assert failure.exception.text == "cannot divide by nothing"
    assert texts(chunks(host, "count", 3)) == [0, 1, 2]
    assert host.value("primes", 30) == [2, 3, 5, 7, 11, 13, 17, 19, 23, 29]
    assert host.value("patience") is None
    assert 0 < host.value("patience", timeout_ns=10**9) <= 1
    assert host.value("visits") == {"session": None}
    for n in (1, 2):
        told = host.value("visits", session="s")
        assert told == {"session": "s", "visits": n}
    assert host.value("health_check")["healthy"] is True
    host.close()
    assert host.wait() == 0


def test_the_showcase_gives_up_logs_measures_and_asks(example):
    host = example("showcase:Showcase")
    call = host.make_call("primes", 10**9)
    host.send(call)
    poll(lambda: host.page.running, "it works")
    host.send(wire.Frame(cancel=wire.Cancel(id=call.call.id)))
    assert host.receive().failure.kind == Failure.CANCELLED
    host.send(host.make_call("work", 7, correlation="c1"))
    event = host.receive().telemetry
    assert (event.name, event.correlation) == ("showcase.work", "c1")
    assert json.loads(event.measurements)["rows"] == 7
    assert host.receive().result.value.json == b"7"
    assert host.logs[0].text == "working on 7 rows"
    assert host.logs[0].correlation == "c1"
    host.send(host.make_call("total", ["pear", "plum"]))
    for price in (b"1.5", b"2"):
        asked = host.receive().host_call
        assert asked.function == "price_of"
        answer = wire.HostReply(id=asked.id, value=wire.Payload(json=price))
        host.send(wire.Frame(host_reply=answer))
    assert host.receive().result.value.json == b"3.5"


def test_the_streaming_adapter_streams_lines_blocks_and_tokens(
    example, tmp_path
):
    host = example("streaming")
    path = str(tmp_path / "file")
    data = "".join(f"line {n}\n" for n in range(100))
    open(path, "w").write(data)
    lines = texts(chunks(host, "lines", path))
    assert lines[41] == {"number": 42, "text": "line 41"} and len(lines) == 100
    blocks = [x.raw for x in chunks(host, "blocks", path, 64)]
    assert b"".join(blocks) == data.encode() and len(blocks[0]) == 64
    assert texts(chunks(host, "tokens", "a b", 5)) == [
        "a ", "b ", "a ", "b ", "a ",
    ]  # fmt: skip
    assert host.call("lines", "/nonexistent").kind == Failure.EXCEPTION


@pytest.fixture
def servers():
    """Ports that answer a HEAD request with their own number."""
    listening = [socket.create_server(("127.0.0.1", 0)) for _ in range(5)]

    def serve(server):
        port = server.getsockname()[1]
        while True:
            try:
                peer, _ = server.accept()
            except OSError:
                return
            with peer:
                peer.recv(1000)
                peer.sendall(f"HTTP/1.0 200 {port}\r\n\r\n".encode())

    threads = [threading.Thread(target=serve, args=(x,)) for x in listening]
    for thread in threads:
        thread.start()
    yield [x.getsockname()[1] for x in listening]
    for server in listening:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
    for thread in threads:
        thread.join(20)


@pytest.mark.parametrize("threads", [1, 4])
def test_the_async_adapter_waits_for_many_at_once(example, servers, threads):
    host = example("async_fetch:Fetcher", threads=threads)
    said = {str(port): f"HTTP/1.0 200 {port}" for port in servers}
    assert host.value("head", "127.0.0.1", servers[0]) == said[str(servers[0])]
    assert host.value("heads", servers) == said
    got = texts(chunks(host, "as_they_come", servers))
    assert sorted(got) == sorted(said.values())
    host.send(host.make_call("total", ["a", "b"]))
    asked = [host.receive().host_call for _ in range(2)]
    for one in reversed(asked):
        answer = wire.HostReply(id=one.id, value=wire.Payload(json=b"2"))
        host.send(wire.Frame(host_reply=answer))
    assert host.receive().result.value.json == b"4"


def test_the_thread_safe_adapter_is_thread_safe(example):
    host = example(
        "thread_safe:Dictionary",
        threads=8,
        options={"charmer": {"safety": "warn"}},
    )
    words = [f"word{n}" for n in range(100)]
    host.send(*[host.make_call("learn", word, word * 2) for word in words])
    sizes = sorted(json.loads(host.receive().result.value.json) for _ in words)
    assert sizes == list(range(1, 101))
    host.send(*[host.make_call("look_up", word) for word in words])
    found = {json.loads(host.receive().result.value.json) for _ in words}
    assert found == {word * 2 for word in words}
    assert host.value("look_up", "nothing") is None
    assert host.value("usage")["learn"]["calls"] == 100
    told = host.value("health_check")["safety"]
    assert told["methods"] == {} and "sqlite3" in told["imports"]
    host.close()
    assert host.wait() == 0


def has_numpy(python):
    asked = [python, "-c", "import numpy"]
    return subprocess.run(asked, capture_output=True).returncode == 0


@pytest.mark.parametrize("threads", [1, 4])
def test_the_numpy_model_learns_and_predicts(python, example, threads):
    if not has_numpy(python):
        pytest.skip(f"{python} has no numpy (Debian: python3-numpy)")
    host = example("numpy_model:Model", threads=threads)
    learned = host.value("fit", [[1, 0], [0, 1], [1, 1]], [2, 3, 5])
    assert learned["weights"] == pytest.approx([2, 3])
    assert host.value("predict", [[2, 2]]) == pytest.approx([10])
    rows = struct.pack("=6d", 1, 1, 2, 2, 3, 3)
    raw = host.call("predict_raw", payload=wire.Payload(raw=rows)).value.raw
    assert struct.unpack("=3d", raw) == pytest.approx([5, 10, 15])
    (only,) = chunks(host, "predict_all", payload=wire.Payload(raw=rows))
    assert only.raw == raw


def test_the_types_of_the_examples_hold(tmp_path):
    pytest.importorskip("mypy")
    import sys

    done = subprocess.run(
        [
            sys.executable, "-m", "mypy",
            "--config-file", os.path.join(HERE, "mypy.ini"),
            "--cache-dir", str(tmp_path), "--follow-imports", "silent",
            *sorted(
                os.path.join(EXAMPLES, name)
                for name in os.listdir(EXAMPLES)
                if name.endswith(".py") and name != "numpy_model.py"
            ),
        ],
        env={**os.environ, "MYPYPATH": PACKAGE},
        capture_output=True,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout.decode()
