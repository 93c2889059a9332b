"""Frames that are opened, and those that tell what this worker is.

Threading: any thread.
"""

from __future__ import annotations

import os
import platform
import sys
from typing import Any, Callable, Iterable, Optional, Tuple

from charmer.adapter import AdapterError
from charmer.channel import Bytes, Large
from charmer.commands import Command
from charmer.texts import clean
from charmer.wire import frames_pb2 as wire

VERSION = 1
"""Of the schema; charmer::wire::protocol_version on the other side."""

CALL_TAG = 0x12  # field 2 of Frame, length-delimited

parse_call: Callable[[Bytes], wire.Call] = wire.Call.FromString


def open_call(data: Bytes) -> Optional[wire.Call]:
    """The call in a frame that holds a call and nothing else. Raises
    DecodeError."""
    # Nearly every frame is one: a tag, a length of one or two bytes, the call.
    # To take that apart here saves half of the parsing.
    size = len(data)
    if size > 3 and data[0] == CALL_TAG:
        length = data[1]
        if length < 128:
            if length == size - 2:
                return parse_call(data[2:])
        elif data[2] < 128 and length - 128 + (data[2] << 7) == size - 3:
            return parse_call(data[3:])
    return None


def open_frame(data: Bytes) -> Tuple[Optional[str], Any]:
    """What is in a frame, and its kind; None for one of a newer host. Raises
    DecodeError."""
    call = open_call(data)
    if call is not None:
        return "call", call
    frame = wire.Frame.FromString(data)
    kind = frame.WhichOneof("body")
    return kind, frame if kind is None else getattr(frame, kind)


def varint(number: int) -> bytes:
    """As Protobuf writes it."""
    data = bytearray()
    while number > 127:
        data.append(number & 127 | 128)
        number >>= 7
    data.append(number)
    return bytes(data)


def raw_result(id: int, raw: bytes, elapsed: int) -> Large:
    """The frame of a result of bytes, laid out by hand: to put them into a
    message and to serialize that would copy them twice."""
    head = b"\x1a" + varint(len(raw))  # Payload.raw
    head = b"\x12" + varint(len(head) + len(raw)) + head  # Result.value
    head = b"\x08" + varint(id) + b"\x18" + varint(elapsed) + head
    head = b"\x8a\x01" + varint(len(head) + len(raw)) + head  # Frame.result
    return Large(head, raw)


def gil_enabled() -> bool:
    """Whether threads exclude each other: always, but in a free-threaded
    interpreter as long as no extension has turned the lock on again."""
    told: bool = getattr(sys, "_is_gil_enabled", lambda: True)()
    return told


def ready(found: Iterable[Command], limit: int) -> bytes:
    """The first frame of a worker. Long documentation is cut if need be."""
    found = list(found)
    for size in (4096, 128, 16):
        told = wire.Ready(
            version=VERSION,
            pid=os.getpid(),
            python_version=platform.python_version(),
            implementation=platform.python_implementation(),
            gil_enabled=gil_enabled(),
            executable=sys.executable,
            tells_stacks=True,
            commands=[described(command, size) for command in found],
        )
        frame: bytes = wire.Frame(ready=told).SerializeToString()
        if len(frame) <= limit:
            return frame
    raise AdapterError(
        f"{len(found)} commands do not fit a frame of {limit} bytes"
    )


def described(command: Command, size: int) -> wire.Command:
    """What the host is told of a command, its texts cut to this size."""
    return wire.Command(
        name=command.name,
        idempotent=command.idempotent,
        stream=command.streams,
        signature=clean(command.signature, size),
        doc=clean(command.doc, size),
    )
