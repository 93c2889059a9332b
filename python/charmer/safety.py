"""Looks for what is not thread-safe, on request: `"safety": "warn"` or
`"strict"` (see `charmer.options`), in the thread profile.

It tells of
- a method that really ran twice at the same time, without having taken the
  adapter's lock. What is decided is what happened, so under load one sees more;
  a method that shares nothing needs no lock, and is told of as well;
- imports that the table of libraries calls unsafe, or safe only if configured.

`warn` logs each of them once. `strict` makes the call fail, or keeps the worker
from starting, with ThreadSafetyError; libraries that only need configuration
are logged as before.

It costs some microseconds for each call, and is meant for tests and trials.

Threading: any thread.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from typing import Any, Dict, List, NamedTuple, Optional

from charmer import context
from charmer.adapter import AdapterLock

TABLE = os.path.join(os.path.dirname(__file__), "library_compatibility.json")

log = logging.getLogger("charmer.safety")


class ThreadSafetyError(Exception):
    """Something is not thread-safe; the text says what to do."""


class Library(NamedTuple):
    """What the table says of one library."""

    name: str
    modules: List[str]
    verdict: str  # safe, conditional, unsafe
    note: str
    workaround: str


def libraries() -> List[Library]:
    """The table, the same one that the host reads."""
    with open(TABLE, encoding="utf-8") as file:
        table: Dict[str, Dict[str, Any]] = json.load(file)["libraries"]
    return [
        Library(
            name,
            [name.replace("-", "_"), *said.get("modules", [])],
            said["class"],
            said["note"],
            said.get("workaround", ""),
        )
        for name, said in table.items()
    ]


class Run:
    """One run of a method."""

    __slots__ = ("name", "locks", "overlapped")

    def __init__(self, name: str, locks: int) -> None:
        self.name = name
        self.locks = locks  # how often its thread had taken the lock before
        self.overlapped = False


class Checker:
    """The checker of one worker."""

    def __init__(self, strict: bool, lock: Optional[AdapterLock]) -> None:
        self.strict = strict
        self.adapter_lock = lock
        self.lock = threading.Lock()
        self.inside: Dict[str, List[Run]] = {}
        self.methods: Dict[str, int] = {}
        self.libraries = [x for x in libraries() if x.verdict != "safe"]
        self.imports: Dict[str, Library] = {}
        self.modules = 0

    def taken_here(self) -> int:
        """How often this thread has taken the adapter's lock."""
        lock = self.adapter_lock
        return lock.taken_here() if isinstance(lock, AdapterLock) else 0

    def enter(self, name: str) -> Run:
        """A method begins in this thread."""
        run = Run(name, self.taken_here())
        with self.lock:
            runs = self.inside.setdefault(name, [])
            runs.append(run)
            if len(runs) > 1:
                for each in runs:
                    each.overlapped = True
        return run

    def leave(self, run: Run) -> Optional[ThreadSafetyError]:
        """It has ended. Returns what is to be raised."""
        with self.lock:
            self.inside[run.name].remove(run)
        breach = None
        if run.overlapped and self.taken_here() == run.locks:
            breach = self.overlap(run.name)
        return self.check_imports() or breach

    def overlap(self, name: str) -> Optional[ThreadSafetyError]:
        """A method ran twice at once, without the lock."""
        with self.lock:
            times = self.methods[name] = self.methods.get(name, 0) + 1
        text = (
            f"{name!r} ran twice at the same time without the adapter's lock: "
            "put what it shares with other calls into `with self.lock:`, or "
            "into self.local"
        )
        if self.strict:
            return ThreadSafetyError(text)
        if times == 1:
            log.warning(text)
        return None

    def check_imports(self) -> Optional[ThreadSafetyError]:
        """Looks at what has been imported since the last time."""
        if len(sys.modules) == self.modules:
            return None
        breach = None
        with self.lock:
            self.modules = len(sys.modules)
            for library in self.libraries:
                known = library.name in self.imports
                if known or not any(x in sys.modules for x in library.modules):
                    continue
                self.imports[library.name] = library
                text = described(library)
                if self.strict and library.verdict == "unsafe":
                    breach = ThreadSafetyError(text)
                else:
                    log.warning(text)
        return breach

    def get_report(self) -> Dict[str, Any]:
        """What was found so far, as JSON."""
        with self.lock:
            return {
                "strict": self.strict,
                "methods": dict(self.methods),
                "imports": {
                    name: {
                        "class": library.verdict,
                        "note": library.note,
                        "workaround": library.workaround,
                    }
                    for name, library in self.imports.items()
                },
            }


def described(library: Library) -> str:
    """What is said about an import."""
    how = "has to be configured"
    if library.verdict == "unsafe":
        how = "is not thread-safe"
    text = f"{library.name} {how}: {library.note}"
    return f"{text}; {library.workaround}" if library.workaround else text


def get_report() -> Optional[Dict[str, Any]]:
    """What the safety checker of this worker has found: `methods` that ran
    twice at once without the lock, with how often, and `imports`. None where
    there is no checker."""
    checker = getattr(context.worker, "checker", None)
    return checker.get_report() if isinstance(checker, Checker) else None
