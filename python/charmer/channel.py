"""Frames in and out: a big-endian u32, then so many bytes of one Frame.

Threading: one thread reads; `Sender.send` may be called from any.
"""

from __future__ import annotations

import os
import struct
import threading
from collections import deque
from typing import Deque, List, NamedTuple, Optional, Union

CHUNK = 65536
"""What is read at once, and from where on a frame counts as large."""

length_of = struct.Struct(">I").unpack_from
pack_length = struct.Struct(">I").pack

Bytes = Union[bytes, bytearray, memoryview]


class Large(NamedTuple):
    """A frame whose last bytes stay where they are, because they are many."""

    head: bytes
    body: Bytes


class ProtocolError(Exception):
    """The host has sent what no host sends. The worker ends."""


class Receiver:
    """Cuts what arrives into frames."""

    def __init__(self, fd: int, limit: int) -> None:
        self.fd = fd
        self.limit = limit
        self.rest = b""
        # One large frame that has begun, and where the rest of it goes.
        self.frame: Optional[bytearray] = None
        self.at = 0

    def batch(self) -> List[Bytes]:
        """Waits, and returns every whole frame that has come, without its
        length. An empty list is the end of stdin."""
        frames = self.pull()
        while not frames:
            if frames is None:
                return []
            frames = self.pull()
        return frames

    def pull(self) -> Optional[List[Bytes]]:
        """Reads once, and returns the frames that are whole then, perhaps
        none. None is the end of stdin. Does not wait where something lies in
        the pipe."""
        if self.frame is not None:
            return self.pull_large(self.frame)
        data = self.rest
        chunk = os.read(self.fd, CHUNK)
        if not chunk:
            return None
        data = data + chunk if data else chunk
        frames: List[Bytes] = []
        at, end = 0, len(data)
        while end - at >= 4:
            size = self.size_at(data, at)
            stop = at + 4 + size
            if stop > end:
                if size > CHUNK:
                    self.begin_large(size, data[at + 4 :])
                    at = end
                break
            frames.append(data[at + 4 : stop])
            at = stop
        self.rest = data[at:]
        return frames

    def size_at(self, data: bytes, at: int) -> int:
        """The length that is announced there. It is checked before anything
        is allocated."""
        size: int = length_of(data, at)[0]
        if size > self.limit:
            raise ProtocolError(
                f"a frame of {size} bytes, above the limit of {self.limit}"
            )
        return size

    def begin_large(self, size: int, begun: bytes) -> None:
        """What is still to come of a large frame is read straight to its
        place."""
        self.frame = bytearray(size)
        self.frame[: len(begun)] = begun
        self.at = len(begun)

    def pull_large(self, frame: bytearray) -> Optional[List[Bytes]]:
        """Reads once into the large frame."""
        view = memoryview(frame)
        count = os.readv(self.fd, [view[self.at :]])
        if count == 0:
            return None
        self.at += count
        if self.at < len(frame):
            return []
        self.frame = None
        return [view]


class Sender:
    """Writes frames whole, one thread at a time."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.lock = threading.Lock()
        self.owner = 0
        self.deferred: Deque[Bytes] = deque()

    def send_frame(self, frame: bytes) -> None:
        """Sends one frame, now."""
        self.send(pack_length(len(frame)), frame)

    def send_large(self, frame: Large) -> None:
        """Sends one frame, now."""
        size = len(frame.head) + len(frame.body)
        self.send(pack_length(size) + frame.head, frame.body)

    def send(self, *parts: Bytes) -> None:
        """Writes whole frames, given in any number of parts."""
        me = threading.get_ident()
        if self.owner == me:
            # A finalizer or a signal handler that logs, in the middle of a
            # write of this very thread: its turn comes right after.
            self.deferred.extend(parts)
            return
        with self.lock:
            self.owner = me
            try:
                for part in parts:
                    self.write(part)
                while self.deferred:
                    self.write(self.deferred.popleft())
            finally:
                self.owner = 0
        if self.deferred:  # by one that came after the last look
            self.send()

    def write(self, data: Bytes) -> None:
        """Writes all of it, however often that takes."""
        written = os.write(self.fd, data)
        if written < len(data):
            view = memoryview(data)
            while written < len(view):
                written += os.write(self.fd, view[written:])
