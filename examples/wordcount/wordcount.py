"""Counts the words of files, as `wc -w` does.

A module of its own is an adapter already; what is decorated is a command.
"""

from __future__ import annotations

import re
from typing import Dict, Union

import charmer

# What `wc` takes for space where the locale is C.UTF-8. Python's own split()
# knows other characters: U+2060 is no space to it, U+001C is one.
SPACE = re.compile(
    "[\t-\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u2060\u3000]+"
)


def count(text: str) -> int:
    """The words of a text. What has nothing to print is no word."""
    return sum(any(map(str.isprintable, word)) for word in SPACE.split(text))


@charmer.command(idempotent=True)
def word_count(path: str) -> Dict[str, Union[str, int]]:
    """The words of a file; what is not UTF-8 in it is skipped."""
    with open(path, encoding="utf-8", errors="ignore") as file:
        return {"path": path, "words": count(file.read())}
