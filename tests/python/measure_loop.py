"""What a call costs in the worker, beside the barest loop there is.

    CHARMER_PYTHON_PACKAGE=build/python python3 tests/python/measure_loop.py

Writes calls of `add(a, b)` in large batches to a worker and to a loop of thirty
lines that parses, calls and answers with nothing around it (`bare_loop`), and
prints nanoseconds per call and MiB per second for large payloads: the CPU time
of the process, best of five rounds in turn.
"""

from __future__ import annotations

import json
import os
import resource
import struct
import subprocess
import sys
import threading
import time
from typing import List, Tuple

PACKAGE = os.environ["CHARMER_PYTHON_PACKAGE"]
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, PACKAGE)

from charmer.wire import frames_pb2 as wire  # noqa: E402

CALLS = 100_000


def bare_loop() -> None:
    """The baseline: the same frames, and nothing but them."""
    unpack, pack = struct.Struct(">I").unpack_from, struct.Struct(">I").pack
    rest = bytearray()
    functions = {"add": lambda a, b: a + b}
    while True:
        chunk = os.read(0, 65536)
        if not chunk:
            return
        rest += chunk
        out, at, end = [], 0, len(rest)
        while end - at >= 4:
            (size,) = unpack(rest, at)
            if end - at - 4 < size:
                break
            frame = wire.Frame.FromString(bytes(rest[at + 4 : at + 4 + size]))
            at += 4 + size
            if frame.WhichOneof("body") == "hello":
                data = wire.Frame(ready=wire.Ready()).SerializeToString()
            else:
                call = frame.call
                arguments = json.loads(call.arguments.json)
                value = functions[call.command](**arguments)
                text = json.dumps(value).encode()
                data = wire.Frame(
                    result=wire.Result(
                        id=call.id, value=wire.Payload(json=text)
                    )
                ).SerializeToString()
            out += (pack(len(data)), data)
        del rest[:at]
        data = b"".join(out)
        written = 0
        while written < len(data):
            written += os.write(1, data[written:])


def framed(frame: wire.Frame) -> bytes:
    data = frame.SerializeToString()
    return struct.pack(">I", len(data)) + data


def conversation(command: List[str], payload: bytes) -> Tuple[float, float]:
    """Wall and CPU seconds from the handshake to the last answer."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    )
    assert process.stdin is not None and process.stdout is not None
    hello = wire.Hello(
        version=1,
        adapter="echo",
        python_path=[HERE + "/adapters"],
        max_frame_bytes=256 << 20,
    )
    process.stdin.write(framed(wire.Frame(hello=hello)))
    process.stdout.read(65536)
    stdin = process.stdin

    def feed() -> None:
        view = memoryview(payload)
        while view:
            view = view[stdin.write(view[: 1 << 20]) :]
        stdin.close()

    began = time.perf_counter()
    feeder = threading.Thread(target=feed)
    feeder.start()
    while process.stdout.read(1 << 20):
        pass
    wall = time.perf_counter() - began
    feeder.join()
    assert process.wait() == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu


def main() -> None:
    calls = b"".join(
        framed(
            wire.Frame(
                call=wire.Call(
                    id=1_000_000 + n,
                    command="add",
                    arguments=wire.Payload(json=b'{"a":5,"b":3}'),
                    timeout_ns=60_000_000_000,
                )
            )
        )
        for n in range(CALLS)
    )
    commands = {
        "bare loop": [sys.executable, __file__, "bare"],
        "worker": [sys.executable, PACKAGE],
    }
    for round in range(5):
        for name, command in commands.items():
            _, idle = conversation(command, b"")
            wall, cpu = conversation(command, calls)
            print(
                f"{name:10} {(cpu - idle) / CALLS * 1e9:6.0f} ns of CPU, "
                f"{wall / CALLS * 1e9:6.0f} ns in all per call"
            )
    call = wire.Call(
        id=1, command="echo", arguments=wire.Payload(raw=bytes(64 << 20))
    )
    for round in range(5):
        wall, _ = conversation(
            commands["worker"], framed(wire.Frame(call=call))
        )
        print(f"64 MiB there and back in {wall * 1e3:.0f} ms")


if __name__ == "__main__":
    bare_loop() if sys.argv[1:] == ["bare"] else main()
