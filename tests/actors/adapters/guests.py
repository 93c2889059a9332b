"""A worker that remembers its guests."""

import os
import time

import charmer


class Inn(charmer.ThreadSafeAdapter):
    @charmer.command
    def remember(self, x):
        session = charmer.session()
        if session is None:
            return None
        said = session.setdefault("said", [])
        said.append(x)
        return {"pid": os.getpid(), "name": session.name, "said": said}

    @charmer.command
    def hold(self, path):
        """Until that file is there."""
        while not os.path.exists(path) and not charmer.cancelled():
            time.sleep(0.001)
        return os.getpid()

    @charmer.command
    def rest(self, seconds):
        time.sleep(seconds)

    @charmer.command
    def die(self):
        os._exit(1)
