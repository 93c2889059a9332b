"""The safety checker: what ran at once without a lock, and what is imported."""

from __future__ import annotations

import pytest
from conftest import wire

Failure = wire.Failure


def crew(start, mode, **fields):
    options = {"charmer": {"safety": mode}}
    return start("crew:Crew", threads=4, options=options, **fields)


def bodies(host, count):
    frames = [host.receive() for _ in range(count)]
    return [getattr(x, x.WhichOneof("body")) for x in frames]


def texts(host):
    return [log.text for log in host.logs if log.logger == "charmer.safety"]


def test_a_method_that_runs_twice_at_once_is_warned_of_once(start):
    host = crew(start, "warn")
    host.send(*[host.make_call("racy") for _ in range(8)])
    assert all(isinstance(x, wire.Result) for x in bodies(host, 8))
    (text,) = texts(host)
    assert "'racy' ran twice at the same time" in text
    assert "with self.lock:" in text
    assert host.value("report")["methods"]["racy"] >= 2
    assert host.value("health_check")["safety"]["methods"]["racy"] >= 2


def test_a_method_that_takes_the_lock_is_not_warned_of(start):
    host = crew(start, "warn")
    host.send(*[host.make_call("add", 1) for _ in range(40)])
    bodies(host, 40)
    assert texts(host) == []
    assert host.value("report")["methods"] == {}


def test_a_condition_can_have_the_lock(start):
    host = crew(start, "strict")
    host.send(*[host.make_call("waits_for_news") for _ in range(3)])
    assert host.silent(0.05)
    host.send(host.make_call("brings_news"))
    assert all(isinstance(x, wire.Result) for x in bodies(host, 4))
    assert host.value("report")["methods"] == {}


def test_a_method_that_runs_alone_is_not_warned_of(start):
    host = crew(start, "warn")
    for _ in range(3):
        host.value("racy")
    host.send(host.make_call("racy"), host.make_call("nap", 0.05))
    bodies(host, 2)
    assert texts(host) == []


def test_neither_coroutines_nor_what_is_built_in_is_warned_of(start):
    host = start(
        "flows", threads=4, options={"charmer": {"safety": "warn"}}
    )
    for command in ("nap", "hidden_nap"):  # the one is behind a decorator
        host.send(*[host.make_call(command, 0.05) for _ in range(4)])
        bodies(host, 4)
    host.send(*[host.make_call("health_check") for _ in range(50)])
    bodies(host, 50)
    assert texts(host) == []


def test_strict_makes_the_call_fail(start):
    host = crew(start, "strict")
    host.send(*[host.make_call("racy") for _ in range(4)])
    failures = [x for x in bodies(host, 4) if isinstance(x, Failure)]
    assert len(failures) >= 2
    for failure in failures:
        assert failure.exception.type == "charmer.safety.ThreadSafetyError"
        assert "racy" in failure.exception.text
    assert host.value("racy") == 1


def test_an_import_that_is_not_thread_safe_is_warned_of(start):
    host = crew(start, "warn")
    assert host.value("imports", "sqlite3") == 1
    assert host.value("imports", "sqlite3") == 1
    (text,) = texts(host)
    assert text.startswith("sqlite3 is not thread-safe: ")
    assert "one connection per thread" in text
    told = host.value("report")["imports"]["sqlite3"]
    assert told["class"] == "unsafe"


def test_strict_refuses_an_adapter_with_such_an_import(spawn, tmp_path):
    (tmp_path / "stores.py").write_text(
        "import sqlite3\nthread_safe = True\ndef run(): return 1\n"
    )
    host = spawn()
    failure = host.hello(
        "stores",
        threads=2,
        python_path=[str(tmp_path)],
        options={"charmer": {"safety": "strict"}},
    ).failure
    assert failure.kind == Failure.START
    assert "sqlite3 is not thread-safe" in failure.exception.text


def test_strict_makes_the_call_fail_that_imports_it(start):
    host = crew(start, "strict")
    failure = host.call("imports", "sqlite3")
    assert "sqlite3 is not thread-safe" in failure.exception.text


def test_without_being_asked_nothing_is_checked(start):
    host = start("crew:Crew", threads=4)
    host.send(*[host.make_call("racy") for _ in range(4)])
    bodies(host, 4)
    assert texts(host) == []
    assert host.value("report") is None


@pytest.mark.parametrize(
    "options, words",
    [
        ({"safety": "lax"}, "charmer.safety is 'lax'"),
        ({"savety": "warn"}, "has no 'savety'; there are: safety"),
        ({"telemetry": {"sample": 2}}, "telemetry.sample is 2"),
        ({"telemetry": {"sample": True}}, "telemetry.sample is True"),
        ({"telemetry": {"allow": "x"}}, "telemetry.allow is no list"),
        ({"sessions": {"max": 0}}, "sessions.max is 0"),
        ([], "charmer is no JSON object"),
    ],
)
def test_options_that_are_wrong_are_a_start_failure(spawn, options, words):
    failure = spawn().hello("model:Model", options={"charmer": options}).failure
    assert failure.kind == Failure.START
    assert words in failure.exception.text


def test_the_adapter_does_not_see_the_workers_options(start):
    host = start(
        "model:Model", options={"size": 7, "charmer": {"safety": "off"}}
    )
    assert host.value("describe") == ["small", 7, True]


def test_the_table_of_libraries_is_understood_whole():
    from charmer.safety import libraries

    known = {library.name: library for library in libraries()}
    assert known["numpy"].verdict == "safe"
    assert "sklearn" in known["scikit-learn"].modules
    assert {x.verdict for x in known.values()} == {
        "safe", "conditional", "unsafe",
    }  # fmt: skip
