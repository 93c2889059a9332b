"""Runs the command as a user does. Every wait has a limit, and after each test
no process is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import uuid
from typing import Any, Callable, Dict, Iterator, List, Optional

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
COMMAND = os.environ.get(
    "CHARMER_COMMAND", os.path.join(HERE, "..", "..", "build", "charmer")
)
ADAPTERS = os.path.join(HERE, "adapters")
LIMIT = 60.0  # seconds, for everything that is waited for

# Whatever the command starts inherits this, and can be found by it.
MARK = f"CHARMER_TEST_MARK={uuid.uuid4()}"


def poll(condition: Callable[[], Any], what: str, limit: float = LIMIT) -> Any:
    """Waits until the condition holds, and returns what it said."""
    end = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.005)


def marked_processes() -> List[int]:
    """Everything alive that a test has started. A zombie has no environment."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            try:
                with open(f"/proc/{name}/environ", "rb") as file:
                    if MARK.encode() in file.read().split(b"\0"):
                        found.append(int(name))
            except OSError:
                pass
    return found


def children(host: int) -> List[int]:
    """The processes that a running command has started."""
    found: List[int] = []
    for task in os.listdir(f"/proc/{host}/task"):
        try:
            with open(f"/proc/{host}/task/{task}/children") as file:
                found += map(int, file.read().split())
        except OSError:
            pass
    return found


def is_worker(pid: int) -> bool:
    """Not one that only looks what an interpreter has."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return b"--worker" in file.read().split(b"\0")
    except OSError:
        return False


def workers(host: int) -> List[int]:
    """Those children that run commands, or will."""
    return [x for x in children(host) if is_worker(x)]


def resident(pid: int) -> int:
    """The resident memory of a process in bytes."""
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    yield
    try:
        poll(lambda: not marked_processes(), "all processes have ended", 5)
    finally:
        for pid in marked_processes():
            os.kill(pid, signal.SIGKILL)


class Command:
    """The command with a pool of the test adapters."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def settings(self, **fields: Any) -> str:
        """Writes a file with one pool, and returns its path."""
        pool = {"adapter": "items", "size": 4, "python_path": [ADAPTERS]}
        pool.update(fields)
        return self.file("pools.json", json.dumps({"pools": [pool]}))

    def file(self, name: str, text: str) -> str:
        path = os.path.join(self.folder, name)
        with open(path, "w") as out:
            out.write(text)
        return path

    def start(self, *arguments: str, **options: Any) -> "subprocess.Popen[bytes]":
        name, _, value = MARK.partition("=")
        streams: Dict[str, Any] = dict.fromkeys(
            ("stdin", "stdout", "stderr"), subprocess.PIPE
        )
        streams.update(options)
        return subprocess.Popen(
            [COMMAND, *arguments],
            env={**os.environ, name: value},
            cwd=self.folder,
            **streams,
        )

    def __call__(
        self, *arguments: str, input: Optional[str] = None, limit: float = LIMIT
    ) -> "subprocess.CompletedProcess[str]":
        """Runs it to its end."""
        process = self.start(*arguments)
        try:
            out, err = process.communicate(
                None if input is None else input.encode(), limit
            )
        finally:
            process.kill()
        return subprocess.CompletedProcess(
            arguments,
            process.returncode,
            out.decode("utf-8", "surrogateescape"),
            err.decode("utf-8", "replace"),
        )

    def call(self, *arguments: str, **options: Any) -> Any:
        return self("call", "-c", self.settings(), *arguments, **options)

    def map(self, *arguments: str, **options: Any) -> Any:
        return self("map", "-c", self.settings(), *arguments, **options)


@pytest.fixture
def charmer(tmp_path: Any) -> Command:
    return Command(str(tmp_path))


def lines(items: Any) -> str:
    """JSON lines."""
    return "".join(json.dumps(x) + "\n" for x in items)


def parsed(text: str) -> List[Any]:
    return [json.loads(x) for x in text.splitlines()]
