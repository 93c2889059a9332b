"""Texts that are told to the host.

Threading: any thread.
"""

from __future__ import annotations

MAX_TEXT = 32768  # characters of each text


def type_name(kind: type) -> str:
    """`ValueError`, `package.module.Name`."""
    if kind.__module__ in ("builtins", "__main__"):
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def call_name(command: str, correlation: str) -> str:
    """A call on one line: its command, and what its caller calls it."""
    if not correlation:
        return command
    return f"{command}, correlation {correlation[:100]!a}"


def clean(text: str, size: int = MAX_TEXT) -> str:
    """Text that fits: the middle is left out of what is too long, and what is
    no Unicode is escaped."""
    if len(text) > size:
        left = size // 2
        dropped = len(text) - 2 * left
        text = f"{text[:left]}\n… {dropped} characters …\n{text[-left:]}"
    return text.encode("utf-8", "backslashreplace").decode()
