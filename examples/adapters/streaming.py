"""Streams: lines of a file as they are read, words as a model makes them.

    { "pools": [ { "name": "default", "adapter": "streaming" } ] }

    charmer call -c pools.json --stream lines '{"path": "/etc/services"}'

A plain module will do as an adapter: its public functions are the commands.
"""

from __future__ import annotations

from typing import Dict, Iterator, List, Union

import charmer


def lines(path: str) -> Iterator[Dict[str, Union[int, str]]]:
    """One chunk for each line. The file is closed however the stream ends: by
    its end, by an error, or because nobody wants the rest."""
    with open(path, encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            yield {"number": number, "text": line.rstrip("\n")}


def blocks(path: str, size: int = 65536) -> Iterator[bytes]:
    """Bytes travel as bytes, so large files cost no encoding."""
    with open(path, "rb") as file:
        while True:
            block = file.read(size)
            if not block:
                return
            yield block


def tokens(prompt: str, most: int = 100) -> Iterator[str]:
    """As a language model would: what is made is sent at once, and nothing
    more is made than the caller takes."""
    words: List[str] = prompt.split() or ["nothing"]
    for n in range(most):
        charmer.check_cancelled()  # between steps that take long
        yield words[n % len(words)] + " "
