"""An adapter that takes a moment to import, so that a test can interrupt it."""

import time

time.sleep(1)


def nothing() -> None:
    """A command."""
