"""From Hello to Ready, and every way not to get there."""

from __future__ import annotations

import os
import subprocess

import pytest
from conftest import ADAPTERS, INTERPRETERS, PACKAGE, wire

Failure = wire.Failure
BUILT_IN = ["ping", "health_check"]


def test_ready_tells_the_commands_with_signature_and_documentation(spawn):
    host = spawn()
    ready = host.hello("model:Model").ready
    assert ready.version == 1
    assert ready.pid == host.process.pid
    assert ready.implementation == "CPython"
    assert ready.python_version.startswith("3.")
    assert os.path.exists(ready.executable)
    commands = {command.name: command for command in ready.commands}
    assert list(commands) == [
        "describe", "twice", "static", "of_class", "count", *BUILT_IN,
    ]  # fmt: skip
    assert commands["describe"].signature.startswith("(suffix: ")
    assert commands["describe"].doc == "Says what it is.\n\nIn two paragraphs."
    assert not commands["describe"].idempotent
    assert commands["twice"].idempotent
    assert commands["count"].stream and not commands["describe"].stream


@pytest.mark.parametrize(
    "adapter, names",
    [
        ("echo", ["add", "echo"]),
        ("echo:add", ["add"]),
        ("marked", ["chosen", "renamed"]),
        ("model:Unmarked", ["first"]),
        ("math:sqrt", ["sqrt"]),
    ],
)
def test_the_commands_of_every_kind_of_adapter(spawn, adapter, names):
    ready = spawn().hello(adapter).ready
    assert [command.name for command in ready.commands] == [*names, *BUILT_IN]


def test_a_derived_adapter_inherits_commands_and_adds_its_own(start):
    host = start("model:Derived")
    assert host.value("more") == 1
    assert host.value("twice", 4) == 8


def test_options_reach_the_constructor_and_setup_runs_before_calls(start):
    host = start("model:Model", options={"size": 7, "name": "big"})
    assert host.value("describe") == ["big", 7, True]
    assert host.value("static", 1) == 2
    assert host.value("of_class") == "Model"


@pytest.mark.parametrize(
    "adapter, words",
    [
        ("no_such_module", ["no module 'no_such_module'", ADAPTERS]),
        ("no_such.inner:X", ["no module 'no_such'"]),
        ("model:Modell", ["has no 'Modell'", "did you mean 'Model'"]),
        ("model:not_a_command", ["neither a class", "nor a function"]),
        ("model:not_a_command.x", ["has no 'not_a_command.x'"]),
        ("model:Plain", ["neither a class"]),
        ("empty", ["has no command"]),
        ("takes_ping", ["built in"]),
    ],
)
def test_an_adapter_that_cannot_be_had_is_a_start_failure(
    spawn, adapter, words
):
    host = spawn()
    failure = host.hello(adapter).failure
    assert (failure.id, failure.kind) == (0, Failure.START)
    for word in words:
        assert word in failure.exception.text
    assert host.wait() == 1


def test_an_import_that_fails_inside_the_adapter_shows_its_traceback(spawn):
    host = spawn()
    failure = host.hello("broken_import").failure
    assert failure.kind == Failure.START
    assert failure.exception.type == "ModuleNotFoundError"
    assert "a_package_that_is_not_there" in failure.exception.text
    assert "broken_import.py" in failure.exception.traceback
    assert "importlib" not in failure.exception.traceback
    assert host.wait() == 1


def test_a_setup_that_fails_shows_its_traceback_and_its_cause(spawn):
    host = spawn()
    exception = host.hello("model:FailsInSetup").failure.exception
    assert (exception.type, exception.text) == ("RuntimeError", "no model here")
    assert "in setup" in exception.traceback
    assert exception.cause.type == "KeyError"
    assert host.wait() == 1


def test_an_adapter_that_exits_is_a_start_failure(spawn):
    host = spawn()
    exception = host.hello("exits").failure.exception
    assert (exception.type, exception.text) == ("SystemExit", "no licence")
    assert host.wait() == 1


@pytest.mark.parametrize("adapter", ["model:Model", "echo"])
def test_options_that_do_not_fit_are_a_start_failure(spawn, adapter):
    host = spawn()
    failure = host.hello(adapter, options={"colour": 1}).failure
    assert failure.kind == Failure.START
    assert "options" in failure.exception.text or (
        "colour" in failure.exception.text
    )
    assert host.wait() == 1


def test_another_version_of_the_schema_is_told_with_both_numbers(spawn):
    host = spawn()
    failure = host.hello("echo", version=99).failure
    assert (failure.id, failure.kind) == (0, Failure.VERSION)
    assert "99" in failure.exception.text and " 1" in failure.exception.text
    assert host.wait() == 1


def test_an_unknown_log_level_is_a_start_failure(spawn):
    failure = spawn().hello("echo", log_level="LOUD").failure
    assert failure.kind == Failure.START
    assert "LOUD" in failure.exception.text


def test_python_path_comes_before_everything_and_in_order(start, tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "where.py").write_text(
            f"import sys\ndef am_i(): return ['{folder}', sys.path[:2]]\n"
        )
    path = [str(tmp_path / "one"), str(tmp_path / "two")]
    host = start("where", python_path=path)
    assert host.value("am_i") == ["one", path]


def test_the_end_of_stdin_before_hello_ends_the_worker(spawn):
    host = spawn()
    host.close()
    assert host.wait() == 0


def test_documentation_is_cut_where_ready_would_not_fit(spawn, tmp_path):
    (tmp_path / "wordy.py").write_text(
        "def run():\n    'x'\nrun.__doc__ = 'word ' * 2000\n"
    )
    host = spawn()
    ready = host.hello(
        "wordy", python_path=[str(tmp_path)], max_frame_bytes=1024
    ).ready
    assert len(ready.commands[0].doc) < 300


def test_an_interpreter_without_protobuf_says_so_in_one_line():
    lacking = [path for path, capable in INTERPRETERS.items() if not capable]
    if not lacking:
        pytest.skip("every interpreter here has protobuf")
    for path in lacking:
        done = subprocess.run(
            [path, PACKAGE], input=b"", capture_output=True, timeout=20
        )
        assert done.returncode == 1
        assert done.stdout == b""
        text = done.stderr.decode()
        assert path in text and "install python3-protobuf" in text
        assert len(text.splitlines()) == 1
