"""Python's logging, warnings included, arrives as Log frames."""

from __future__ import annotations

import logging
import time

import pytest


def test_a_record_arrives_with_level_logger_text_and_time(start):
    host = start("hostile")
    before = time.time()
    host.value("logs", "this", logging.ERROR)
    (log,) = host.logs
    assert (log.level, log.logger, log.text) == (40, "hostile", "said this")
    assert before - 1 < log.time < time.time() + 1
    assert log.correlation == ""


def test_the_level_is_the_one_of_hello(start):
    host = start("hostile", log_level="WARNING")
    host.value("logs", "low", logging.INFO)
    host.value("logs", "high", logging.WARNING)
    assert [log.text for log in host.logs] == ["said high"]


def test_without_a_level_it_is_info(start):
    host = start("hostile", log_level="")
    host.value("logs", "low", logging.DEBUG)
    host.value("logs", "high", logging.INFO)
    assert [log.text for log in host.logs] == ["said high"]


def test_a_record_carries_the_correlation_of_its_call_alone(start):
    host = start("hostile")
    host.value("logs", "1", correlation="abc")
    host.value("logs", "2")
    host.value("logs", "3", correlation="def")
    assert [log.correlation for log in host.logs] == ["abc", "", "def"]


@pytest.mark.parametrize("how, left", [("basicConfig", 1), ("dictConfig", 0)])
def test_records_arrive_also_when_logging_was_configured_anew(start, how, left):
    host = start("hostile")
    assert host.value("configures_logging", how) == left
    for n in range(2):
        host.value("logs", n, correlation=f"c{n}")
    told = [(log.text, log.correlation) for log in host.logs]
    assert told == [("said 0", "c0"), ("said 1", "c1")]


def test_an_exception_comes_with_its_traceback(start):
    host = start("hostile")
    host.value("logs_exception")
    assert host.logs[0].text.startswith("caught\nTraceback")
    assert "ValueError: inner" in host.logs[0].text


def test_a_warning_is_logged(start):
    host = start("hostile")
    host.value("warns")
    assert host.logs[0].logger == "py.warnings"
    assert "careful" in host.logs[0].text


def test_a_record_that_cannot_be_formatted_is_told_on_stderr(start):
    host = start("hostile")
    assert host.value("logs_wrongly") == 1
    assert host.logs == []
    host.close()
    assert "Logging error" in host.stderr()


def test_a_record_within_a_record_does_not_recurse(start):
    host = start("hostile")
    assert host.value("logs_recursively") == 1
    assert [log.text for log in host.logs] == ["recursive"] or [
        log.text for log in host.logs
    ] == ["said recursive"]


def test_a_long_record_is_shortened_to_fit_a_frame(start):
    host = start("hostile", max_frame_bytes=2000)
    host.value("logs", "x" * 1500)
    (log,) = host.logs
    assert log.ByteSize() < 2000 and "characters" in log.text


def test_text_that_is_no_unicode_is_escaped(start):
    host = start("hostile")
    host.value("logs", "\ud800")
    assert host.logs[0].text == "said \\ud800"


def test_threads_that_log_at_once_do_not_mix_their_frames(start):
    host = start("hostile")
    calls = [host.make_call("logs_a_lot", 8, 200)]
    calls += [host.make_call("ping") for _ in range(100)]
    host.send(*calls)
    for _ in calls:
        host.receive()
    said = [tuple(map(int, log.text.split()[:2])) for log in host.logs]
    assert sorted(said) == [(n, k) for n in range(8) for k in range(200)]
    for number in range(8):
        assert [k for n, k in said if n == number] == list(range(200))


def test_finalizers_that_log_do_no_harm(start):
    host = start("hostile")
    for _ in range(20):
        host.value("logs_when_collected", 100)
    assert len(host.logs) == 2000
