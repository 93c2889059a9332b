"""Sessions: what a worker remembers between the calls of one client.

A call may name a session; its pool then prefers the worker that served it
before. What the commands put into `charmer.session()` is there at the next call
of that session on that worker, and nowhere else: it is a cache, not a store.
Another worker, or this one after a restart, begins with an empty one.

    @charmer.command
    def ask(self, text: str) -> str:
        session = charmer.session()
        if session is None:
            return self.answer([text])
        said = session.setdefault("said", [])
        said.append(text)
        return self.answer(said)

A session is forgotten `session_ttl` after the end of its last call, whether
that asked for it or not, and earlier if there are more than `max_sessions`
(settings of the pool); never while a call of it runs.

Threading: any thread. In the thread profile two calls of one session may run
at once; they get the same object.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from itertools import islice
from typing import Any, Callable, Dict, Optional

from charmer import context


class Session(Dict[str, Any]):
    """What this worker remembers of one session; a dict with a name."""

    def __init__(self, name: str, now: float) -> None:
        super().__init__()
        self.name = name
        self.used = now


class Sessions:
    """Those of a worker, in the order of their last use."""

    def __init__(
        self,
        ttl: float,
        most: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.ttl = ttl
        self.most = most
        self.clock = clock
        self.lock = threading.Lock()
        self.known: OrderedDict[str, Session] = OrderedDict()
        self.running: Dict[str, int] = {}  # calls, by the name of their session

    def enter(self, name: str) -> None:
        """A call of this session begins. Forgets what is due, this one too."""
        now = self.clock()
        with self.lock:
            self.forget(now)
            self.running[name] = self.running.get(name, 0) + 1

    def leave(self, name: str) -> None:
        """It is over: the session's time begins now."""
        now = self.clock()
        with self.lock:
            self.running[name] -= 1
            if not self.running[name]:
                del self.running[name]
            session = self.known.get(name)
            if session is not None:
                session.used = now
                self.known.move_to_end(name)

    def use(self, name: str) -> Session:
        """The session of this name, new if it is not known or was forgotten.
        Forgets what is due, but no session of a call that runs."""
        now = self.clock()
        with self.lock:
            self.forget(now)
            session = self.known.get(name)
            if session is None:
                session = self.known[name] = Session(name, now)
                self.make_room()
            else:
                session.used = now
                self.known.move_to_end(name)
            return session

    def forget(self, now: float) -> None:
        """Drops those whose time is over. REQUIRES: the lock."""
        for _ in range(len(self.known)):
            oldest = next(iter(self.known.values()))
            if now - oldest.used < self.ttl:
                return
            if oldest.name in self.running:
                oldest.used = now
                self.known.move_to_end(oldest.name)
            else:
                self.known.popitem(last=False)

    def make_room(self) -> None:
        """Drops those that have not been used for longest, if there are too
        many. REQUIRES: the lock."""
        excess = len(self.known) - self.most
        if excess > 0:
            idle = (name for name in self.known if name not in self.running)
            for name in list(islice(idle, excess)):
                del self.known[name]


def session() -> Optional[Session]:
    """The session of the running call; None if its caller named none."""
    now = context.running.get()
    if now is None or not now.call.session:
        return None
    return now.conversation.sessions.use(now.call.session)
