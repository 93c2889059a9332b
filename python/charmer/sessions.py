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

A session is forgotten `sessions.ttl` seconds after its last use, and earlier
if there are more than `sessions.max` (see `charmer.options`).

Threading: any thread. In the thread profile two calls of one session may run
at once; they get the same object.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
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

    def use(self, name: str) -> Session:
        """The session of this name, new if it is not known or was forgotten.
        Forgets what is due."""
        now = self.clock()
        with self.lock:
            self.forget(now)
            session = self.known.get(name)
            if session is None:
                session = self.known[name] = Session(name, now)
                if len(self.known) > self.most:
                    self.known.popitem(last=False)
            else:
                session.used = now
                self.known.move_to_end(name)
            return session

    def forget(self, now: float) -> None:
        """Drops those whose time is over. REQUIRES: the lock."""
        while self.known:
            oldest = next(iter(self.known.values()))
            if now - oldest.used < self.ttl:
                return
            self.known.popitem(last=False)


def session() -> Optional[Session]:
    """The session of the running call; None if its caller named none."""
    now = context.running.get()
    if now is None or not now.call.session:
        return None
    return now.conversation.sessions.use(now.call.session)
