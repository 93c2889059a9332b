"""Exceptions: what the host is told, and that the worker lives on."""

from __future__ import annotations

import pytest
from conftest import wire

Failure = wire.Failure


@pytest.fixture
def host(start):
    host = start("crashy")
    yield host
    assert host.value("pid") == host.process.pid, "the worker lives on"


def exception(host, command, *arguments):
    failure = host.call(command, *arguments)
    assert failure.kind == Failure.EXCEPTION, failure
    return failure.exception


def test_type_text_and_traceback_without_the_workers_own_frames(host):
    error = exception(host, "raises", "so it is")
    assert (error.type, error.text) == ("ValueError", "so it is")
    assert error.traceback.startswith("Traceback (most recent call last)")
    assert "in raises" in error.traceback
    assert "worker.py" not in error.traceback
    assert not error.HasField("cause")


def test_the_type_is_qualified(host):
    assert exception(host, "nested").type == "crashy.Outer.Inner"


def test_the_chain_of_causes_explicit_and_implicit(host):
    error = exception(host, "chain")
    chain = []
    while error.type:
        chain.append((error.type, error.text))
        error = error.cause
    assert chain == [
        ("RuntimeError", "third"),
        ("ValueError", "second"),
        ("KeyError", "'first'"),
    ]


def test_a_suppressed_context_is_not_shown(host):
    error = exception(host, "suppressed")
    assert error.text == "shown" and not error.HasField("cause")


def test_a_cycle_of_causes_ends(host):
    error = exception(host, "cycle")
    assert (error.text, error.cause.text) == ("one", "two")
    assert not error.cause.HasField("cause")


def test_a_long_chain_of_long_texts_is_bounded(host):
    error = exception(host, "long_chain", 30)
    depth = 0
    while error.type:
        depth += 1
        assert len(error.text) < 40_000
        error = error.cause
    assert 2 <= depth <= 8


def test_a_failure_fits_a_small_frame(start):
    host = start("crashy", max_frame_bytes=1024)
    failure = host.call("raises", "y" * 600)
    assert failure.ByteSize() <= 1024
    assert failure.exception.type == "ValueError"
    failure = host.call("long_chain", 8)
    assert failure.ByteSize() <= 1024
    failure = host.call("no_such_command")
    assert failure.kind == Failure.UNKNOWN_COMMAND
    failure = host.call("x" * 900)
    assert failure.ByteSize() <= 1024


def test_a_broken_str_is_survived(host):
    error = exception(host, "odd")
    assert error.type == "crashy.Odd"
    assert "__str__ raised RuntimeError" in error.text


def test_text_that_is_no_unicode_is_escaped(host):
    assert exception(host, "surrogate").text == "\\udcff and \\ud800"


@pytest.mark.parametrize(
    "command, arguments, type",
    [
        ("leave", [0], "SystemExit"),
        ("leave", [3], "SystemExit"),
        ("interrupt", [], "KeyboardInterrupt"),
        ("generator_exit", [], "GeneratorExit"),
        ("recurse", [], "RecursionError"),
        ("no_memory", [], "MemoryError"),
    ],
)
def test_what_ends_other_programs_is_an_exception_of_that_call(
    host, command, arguments, type
):
    assert exception(host, command, *arguments).type == type
