"""Which methods of a class, and functions of a module, are commands."""

from __future__ import annotations

import pytest
from conftest import wire

Failure = wire.Failure


def names(ready):
    return [command.name for command in ready.commands][:-2]  # built in


def test_a_cache_around_a_command_is_called_in_its_place(start):
    host = start("shadows:Cached")
    assert [host.value("guess", 4) for _ in range(3)] == [8, 8, 8]
    assert host.value("hits") == 2


@pytest.mark.parametrize(
    "adapter, arguments, expected",
    [("Partial", [], 42), ("OfAnother", [3], "xxx")],
)
def test_so_is_whatever_else_can_be_called(start, adapter, arguments, expected):
    assert start(f"shadows:{adapter}").value("guess", *arguments) == expected


@pytest.mark.parametrize(
    "adapter, expected",
    [
        ("Cached", ["guess", "hits"]),
        ("Partial", ["guess", "other"]),
        ("Decorated", ["cached", "plain"]),
    ],
)
def test_the_commands_are_those_of_the_class(spawn, adapter, expected):
    ready = spawn().hello(f"shadows:{adapter}").ready
    assert names(ready) == expected
    assert ready.commands[0].idempotent == (expected[0] == "guess")


@pytest.mark.parametrize(
    "adapter, method, kind",
    [
        ("HiddenByInit", "Base.predict", "NoneType"),
        ("HiddenBySetup", "HiddenBySetup.model", "dict"),
        ("HiddenUnmarked", "HiddenUnmarked.size", "int"),
    ],
)
def test_an_attribute_that_hides_a_command_is_refused(
    spawn, adapter, method, kind
):
    host = spawn()
    failure = host.hello(f"shadows:{adapter}").failure
    assert failure.kind == Failure.START
    text = failure.exception.text
    name = method.partition(".")[2]
    assert f"{adapter}.{name} (" in text and "adapters/shadows.py, line" in text
    assert f"self.{name} a {kind}, which cannot be called" in text
    assert "another name" in text
    assert host.wait() == 1


def test_a_class_that_overrides_all_commands_does_not_bare_its_helpers(spawn):
    text = spawn().hello("shadows:Overrides").failure.exception.text
    assert "Overrides has no command" in text and "(model)" in text


def test_what_is_decorated_and_cannot_be_called_is_refused(spawn):
    text = spawn().hello("shadows:Uncallable").failure.exception.text
    assert "Uncallable.once is decorated" in text
    assert "of type functools.cached_property" in text


@pytest.mark.parametrize(
    "adapter, method, why",
    [
        ("Private", "_predict", "begins with an underscore"),
        ("PrivateStatic", "_predict", "begins with an underscore"),
        ("PrivateBelow", "_predict", "begins with an underscore"),
        ("OfTheAdapter", "health_check", "charmer.Adapter has a method"),
        ("OfTheThreads", "statistics", "charmer.ThreadSafeAdapter has a meth"),
    ],
)
def test_a_decorated_method_that_cannot_be_a_command_is_refused(
    spawn, adapter, method, why
):
    host = spawn()
    failure = host.hello(f"overlooked:{adapter}").failure
    assert failure.kind == Failure.START
    text = failure.exception.text
    assert f"{adapter}.{method} (" in text
    assert "adapters/overlooked.py, line" in text
    assert "cannot be a command: " in text and why in text
    assert "Give the method another name" in text
    assert host.wait() == 1


def test_what_is_private_and_not_decorated_is_let_alone(spawn):
    host = spawn()
    assert names(host.hello("overlooked:Quiet").ready) == ["run"]
    assert host.value("run") == 1


def test_a_module_may_have_what_does_not_say_where_it_is_from(spawn, tmp_path):
    (tmp_path / "borrows.py").write_text(
        "upper = str.upper\ndef run():\n    return upper('x')\n"
    )
    host = spawn()
    ready = host.hello("borrows", python_path=[str(tmp_path)]).ready
    assert names(ready) == ["run"]
    assert host.value("run") == "X"
