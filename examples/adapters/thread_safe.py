"""One process, many threads: a cache that all share, a connection for each.

    { "pools": [ { "name": "default", "profile": "thread",
                   "threads_per_worker": 8,
                   "adapter": "thread_safe:Dictionary",
                   "adapter_options": { "charmer": { "safety": "warn" } } } ] }

Good for work that waits, and for libraries that release the GIL. With "safety"
the worker tells which commands really ran at once without the lock.
"""

from __future__ import annotations

import sqlite3
import tempfile
from typing import Any, Dict, Optional

import charmer


class Dictionary(charmer.ThreadSafeAdapter):
    """Words and their meanings, in SQLite behind a cache."""

    def setup(self) -> None:
        """In the main thread, before all others: what is shared."""
        self.file = tempfile.NamedTemporaryFile(suffix=".db")
        self.cache: Dict[str, str] = {}
        with sqlite3.connect(self.file.name) as connection:
            connection.execute("CREATE TABLE words (word PRIMARY KEY, meaning)")
        connection.close()

    def setup_thread(self) -> None:
        """In each thread: what must not be shared. A connection of SQLite
        belongs to the thread that has made it."""
        self.local.connection = sqlite3.connect(self.file.name, timeout=30)

    def teardown_thread(self) -> None:
        self.local.connection.close()

    def teardown(self) -> None:
        self.file.close()

    @charmer.command
    def learn(self, word: str, meaning: str) -> int:
        """The lock guards what threads share; the connection needs none."""
        with self.local.connection as connection:
            connection.execute(
                "INSERT OR REPLACE INTO words VALUES (?, ?)", (word, meaning)
            )
        with self.lock:
            self.cache[word] = meaning
            return len(self.cache)

    @charmer.command(idempotent=True)
    def look_up(self, word: str) -> Optional[str]:
        """Only the look into the cache is locked, not the query."""
        with self.lock:
            if word in self.cache:
                return self.cache[word]
        found = self.local.connection.execute(
            "SELECT meaning FROM words WHERE word = ?", (word,)
        ).fetchone()
        return found[0] if found else None

    @charmer.command
    def usage(self) -> Dict[str, Any]:
        """How often each command has run here, and how long it took."""
        return self.statistics()
