"""A worker that behaves in one particular way: `peer.py BEHAVIOUR`.

Speaks frames by hand, without charmer and without Protobuf, so that it can also
speak them wrongly.
"""

import os
import signal
import struct
import sys
import time


def varint(n):
    out = b""
    while n >= 0x80:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def field(number, body):
    return varint(number << 3 | 2) + varint(len(body)) + body


def number_field(number, value):
    return varint(number << 3) + varint(value)


def send(frame):
    data = struct.pack(">I", len(frame)) + frame
    while data:
        data = data[os.write(1, data) :]


def ready(version=1):
    send(field(16, number_field(1, version)))


def result(id, json):
    send(field(17, number_field(1, id) + field(2, field(1, json))))


def chunk(id, number, json):
    send(
        field(
            19,
            number_field(1, id)
            + number_field(2, number)
            + field(3, field(1, json)),
        )
    )


def end(id, chunks):
    send(field(20, number_field(1, id) + number_field(2, chunks)))


def read_exactly(n):
    data = b""
    while len(data) < n:
        more = os.read(0, n - len(data))
        if not more:
            sys.exit(0)
        data += more
    return data


def read_varint(data, at):
    n = shift = 0
    while True:
        byte = data[at]
        at += 1
        n |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return n, at


def next_call():
    """The id of the next call; other frames are skipped."""
    while True:
        frame = read_exactly(struct.unpack(">I", read_exactly(4))[0])
        if frame[0] == 0x12:
            _, at = read_varint(frame, 1)
            return read_varint(frame, at + 1)[0]


def serve():
    while True:
        result(next_call(), b'"here"')


def for_ever():
    while True:
        time.sleep(600)


def silent():
    for_ever()


def old():
    ready(version=99)
    for_ever()


def ends_early():
    print("cannot go on", file=sys.stderr)
    sys.exit(5)


def garbage():
    ready()
    next_call()
    os.write(1, b"print() went to the protocol\n" * 100)
    for_ever()


def huge_length():
    ready()
    next_call()
    os.write(1, b"\xff\xff\xff\xff")
    for_ever()


def above_limit():
    ready()
    next_call()
    os.write(1, struct.pack(">I", 100_001))
    for_ever()


def at_limit():
    """The largest frame: an unknown one, then the answer."""
    ready()
    call = next_call()
    head = len(field(200, b"x" * 90_000)) - 90_000
    send(field(200, b"x" * (100_000 - head)))
    result(call, b'"here"')
    serve()


def broken_protobuf():
    ready()
    next_call()
    os.write(1, struct.pack(">I", 3) + b"\xff\xff\xff")
    for_ever()


def half_a_frame():
    ready()
    next_call()
    os.write(1, struct.pack(">I", 100) + b"x")
    for_ever()


def strange_ids():
    """Empty and unknown frames, unknown ids, an answer twice, Ready twice."""
    ready()
    ready()
    while True:
        call = next_call()
        send(b"")
        send(field(77, b"from the future"))
        result(call + 1000, b"1")
        result(call, b'"here"')
        result(call, b'"twice"')


def sends_more_than_granted():
    ready()
    call = next_call()
    for number in range(1000):
        chunk(call, number, b"1")
    for_ever()


def skips_a_chunk():
    ready()
    call = next_call()
    chunk(call, 0, b"1")
    chunk(call, 2, b"1")
    for_ever()


def miscounts():
    ready()
    call = next_call()
    chunk(call, 0, b"1")
    end(call, 2)
    for_ever()


def answers_with_a_chunk():
    ready()
    chunk(next_call(), 0, b"1")
    for_ever()


def answers_with_an_end():
    ready()
    end(next_call(), 0)
    for_ever()


def answers_with_a_result():
    ready()
    serve()


def chunks_of_nobody():
    """Of requests that there are not: they are dropped."""
    ready()
    while True:
        call = next_call()
        chunk(call + 1000, 0, b"1")
        end(call + 1000, 1)
        result(call, b'"here"')


def ask(call, number, time_left=0):
    send(
        field(
            24,
            number_field(1, number)
            + number_field(2, call)
            + field(3, b"f")
            + number_field(5, time_left),
        )
    )


def asks_without_end():
    """More questions than a host takes at once."""
    ready()
    call = next_call()
    for number in range(1, 20_001):
        ask(call, number)
    result(call, b'"here"')
    serve()


def asks_with_limits():
    """As many questions as a host takes at once, two that are waited for
    a nanosecond and a thousand seconds, and one without a limit."""
    ready()
    call = next_call()
    for number in range(1, 257):
        ask(call, number)
    ask(call, 257, 1)
    ask(call, 258, 1_000_000_000_000)
    ask(call, 259)
    result(call, b'"here"')
    serve()


def asks_without_time():
    """More questions that nobody waits for than a host keeps, and then one
    that somebody waits for."""
    ready()
    call = next_call()
    for number in range(1, 257):
        ask(call, number)
    for number in range(257, 20_000):
        ask(call, number, 1)
    ask(call, 20_000)
    result(call, b'"here"')
    serve()


def closes_stdout():
    ready()
    next_call()
    os.close(1)
    for_ever()


def closes_stdin():
    ready()
    os.close(0)
    for_ever()


def never_reads():
    ready()
    for_ever()


def ends_on_sigterm():
    ready()
    for_ever()


def ignores_sigterm():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    ready()
    for_ever()


def dies_in_a_reply():
    ready()
    next_call()
    os.write(1, struct.pack(">I", 100) + b"x" * 50)
    os.kill(os.getpid(), signal.SIGKILL)


def noisy():
    """A gigabyte on stderr would do the same; no newline, no text."""
    ready()
    call = next_call()
    for _ in range(200):
        os.write(2, b"\xff\x00\xfe" * 100_000)
    result(call, b'"here"')
    serve()


globals()[sys.argv[1]]()
