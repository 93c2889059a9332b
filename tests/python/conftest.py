"""The host's side of a worker, small: starts it, speaks frames, maps the page.

Every test runs with each interpreter of this machine that has protobuf, or with
those that the environment variable CHARMER_TEST_PYTHONS names (paths with colons
between them); every wait has a limit.
"""

from __future__ import annotations

import glob
import json
import mmap
import os
import select
import shutil
import signal
import struct
import subprocess
import sys
import time
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGE = os.environ.get(
    "CHARMER_PYTHON_PACKAGE",
    os.path.join(HERE, "..", "..", "build", "python"),
)
ADAPTERS = os.path.join(HERE, "adapters")
LIMIT = 20.0  # seconds, for everything that is waited for
RING = 256

sys.path.insert(0, PACKAGE)

from charmer.wire import frames_pb2 as wire  # noqa: E402


QUESTION = """
import sys
try:
    from google.protobuf.internal import builder
    capable = True
except ImportError:
    capable = False
print(sys.version_info >= (3, 9), sys.prefix, capable)
"""


NAMES = [
    "python3",
    *(f"python3.{n}" for n in range(9, 16)),
    *(f"python3.{n}t" for n in range(13, 16)),  # without a GIL
]


def interpreters() -> Dict[str, bool]:
    """Every Python 3.9 or later of this machine, virtual environments on PATH
    included, each once; and whether it has protobuf."""
    found: Dict[str, Tuple[str, bool]] = {}
    wanted = os.environ.get("CHARMER_TEST_PYTHONS")
    if wanted:
        return dict.fromkeys(wanted.split(os.pathsep), True)
    places = os.environ.get("PATH", "").split(os.pathsep)
    home = os.path.expanduser("~/.pyenv/versions/*/bin")
    for place in ["/usr/bin", *places, *sorted(glob.glob(home))]:
        for name in NAMES:
            path = shutil.which(name, path=place)
            # A shim is a script that starts one of the others.
            if path is None or open(path, "rb").read(2) == b"#!":
                continue
            asked = subprocess.run([path, "-c", QUESTION], capture_output=True)
            new_enough, prefix, capable = asked.stdout.decode().split()
            if new_enough == "True":
                found.setdefault(prefix, (path, capable == "True"))
    return dict(found.values())


INTERPRETERS = interpreters()
CAPABLE = [path for path, capable in INTERPRETERS.items() if capable]


class Page:
    """The progress page, as the host makes it."""

    def __init__(self, threads: int = 1) -> None:
        self.fd = os.memfd_create("progress")
        size = -(-8 * (8 + RING) * (1 + threads) // 4096) * 4096
        os.ftruncate(self.fd, size)
        self.words = memoryview(mmap.mmap(self.fd, size)).cast("Q")
        self.words[0], self.words[1] = 0x43484D5200000001, threads
        self.words[2] = RING
        self.blocks = [
            self.words[n * (8 + RING) : (n + 1) * (8 + RING)]
            for n in range(1, 1 + threads)
        ]

    def cancel(self, call: int) -> None:
        count = self.words[3]
        self.words[8 + count % RING] = call
        self.words[3] = count + 1

    def total(self, word: int) -> int:
        return sum(block[word] for block in self.blocks)

    begun_count = property(lambda self: self.total(0))
    finished_count = property(lambda self: self.total(1))
    running = property(lambda self: self.total(2))

    @property
    def running_each(self) -> List[int]:
        """The ids that run, of all threads."""
        return [block[2] for block in self.blocks if block[2]]

    @property
    def begun(self) -> List[int]:
        return [
            id
            for block in self.blocks
            for id in block[8 : 8 + min(block[0], RING)].tolist()
        ]


class Host:
    """One worker, and what a host does with it."""

    def __init__(
        self,
        python: str,
        page: Optional[Page] = None,
        env: Optional[Dict[str, str]] = None,
    ) -> None:
        self.page = page
        self.process = subprocess.Popen(
            [python, PACKAGE, "--pool", "test", "--worker", "1"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env={**os.environ, **(env or {})},
            close_fds=page is None,
            preexec_fn=(lambda: (os.dup2(page.fd, 3), None)[1])
            if page
            else None,
            start_new_session=True,
        )
        self.next_id = 1
        self.buffer = bytearray()
        self.logs: List[wire.Log] = []

    # -- sending

    def raw(self, data: bytes) -> None:
        """Writes, and reads meanwhile: two that only write wait for ever."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        stdin, stdout = self.process.stdin.fileno(), self.process.stdout
        os.set_blocking(stdin, False)
        view = memoryview(data)
        while view:
            readers = [] if stdout.closed else [stdout]
            readable, writable, _ = select.select(
                readers, [stdin], [], LIMIT
            )
            assert readable or writable, "the worker reads nothing"
            if readable and not self.fill():
                return
            if writable:
                view = view[os.write(stdin, view[:65536]) :]

    def frame(self, frame: wire.Frame) -> bytes:
        data = frame.SerializeToString()
        return struct.pack(">I", len(data)) + data

    def send(self, *frames: wire.Frame) -> None:
        """All of them in one write."""
        self.raw(b"".join(map(self.frame, frames)))

    def hello(self, adapter: str, **fields: Any) -> wire.Frame:
        """Says hello, and returns the answer."""
        options = fields.pop("options", None)
        values: Dict[str, Any] = dict(
            version=1,
            pool="test",
            worker="1",
            incarnation=1,
            adapter=adapter,
            python_path=[ADAPTERS],
            max_frame_bytes=64 << 20,
            threads=1,
            log_level="INFO",
            options=b"" if options is None else json.dumps(options).encode(),
        )
        values.update(fields)
        self.send(wire.Frame(hello=wire.Hello(**values)))
        return self.receive()

    def make_call(
        self, command: str, *arguments: Any, **fields: Any
    ) -> wire.Frame:
        """A call by position, or with `payload=`."""
        if "payload" in fields:
            payload = fields.pop("payload")
        else:
            payload = wire.Payload(json=json.dumps(arguments).encode())
        call = wire.Call(
            id=self.next_id, command=command, arguments=payload, **fields
        )
        self.next_id += 1
        return wire.Frame(call=call)

    def call(self, command: str, *arguments: Any, **fields: Any) -> Any:
        """Calls and waits: a Result or a Failure."""
        frame = self.make_call(command, *arguments, **fields)
        self.send(frame)
        answer = self.receive()
        body = getattr(answer, str(answer.WhichOneof("body")))
        assert body.id == frame.call.id
        return body

    def value(self, command: str, *arguments: Any, **fields: Any) -> Any:
        """Calls, and returns the value of the result, from JSON."""
        body = self.call(command, *arguments, **fields)
        assert isinstance(body, wire.Result), body
        return json.loads(body.value.json)

    # -- receiving

    def fill(self, limit: float = LIMIT) -> bool:
        """Reads what has come. False: the worker has closed its end."""
        assert self.process.stdout is not None
        fd = self.process.stdout.fileno()
        readable, _, _ = select.select([fd], [], [], limit)
        assert readable, "the worker says nothing"
        data = os.read(fd, 1 << 20)
        self.buffer += data
        return bool(data)

    def receive(self) -> wire.Frame:
        """The next frame. Log frames are put aside."""
        while True:
            if len(self.buffer) >= 4:
                size = int.from_bytes(self.buffer[:4], "big")
                if len(self.buffer) >= 4 + size:
                    data = bytes(self.buffer[4 : 4 + size])
                    del self.buffer[: 4 + size]
                    frame = wire.Frame.FromString(data)
                    if frame.WhichOneof("body") != "log":
                        return frame
                    self.logs.append(frame.log)
                    continue
            if not self.fill():
                raise EOFError(self.stderr())

    def silent(self, seconds: float) -> bool:
        """Whether no answer comes within this time."""
        assert self.process.stdout is not None
        if self.buffer:
            return False
        return not select.select([self.process.stdout], [], [], seconds)[0]

    # -- ending

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()

    def wait(self) -> int:
        """The exit status, after all that the worker still says was read."""
        status = self.process.wait(LIMIT)
        return status

    def stderr(self) -> str:
        """All of it. REQUIRES: the worker ends by itself."""
        assert self.process.stderr is not None
        text = b""
        while True:
            readable, _, _ = select.select(
                [self.process.stderr], [], [], LIMIT
            )
            assert readable, "the worker does not end"
            data = os.read(self.process.stderr.fileno(), 65536)
            if not data:
                return text.decode("utf-8", "replace")
            text += data

    def end(self) -> None:
        """Whatever happened: nothing is left."""
        if self.process.poll() is None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait(LIMIT)
        for stream in (
            self.process.stdin,
            self.process.stdout,
            self.process.stderr,
        ):
            if stream is not None:
                stream.close()


def poll(condition: Callable[[], Any], what: str) -> None:
    """Waits until the condition holds."""
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.002)


@pytest.fixture(params=CAPABLE)
def python(request: pytest.FixtureRequest) -> str:
    """An interpreter that has protobuf."""
    path: str = request.param
    return path


@pytest.fixture
def spawn(python: str) -> Iterator[Callable[..., Host]]:
    """Starts workers that have not been greeted yet."""
    hosts: List[Host] = []

    def start(**arguments: Any) -> Host:
        hosts.append(Host(python, **arguments))
        return hosts[-1]

    yield start
    for host in hosts:
        host.end()


@pytest.fixture
def start(spawn: Callable[..., Host]) -> Callable[..., Host]:
    """Starts a worker with an adapter, ready to be called."""

    def greet(
        adapter: str,
        page: bool = False,
        env: Optional[Dict[str, str]] = None,
        **fields: Any,
    ) -> Host:
        threads = fields.get("threads", 1)
        host = spawn(page=Page(threads) if page else None, env=env)
        answer = host.hello(adapter, **fields)
        assert answer.WhichOneof("body") == "ready", answer
        return host

    return greet
