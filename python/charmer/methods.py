"""Which methods of an adapter's class are commands.

That is the class's to say. An instance may put something else in the place of
a method, such as a cache around it; it cannot have more commands, or fewer.
"""

from __future__ import annotations

import inspect
from typing import Any, Callable, Iterable, List, Optional, Tuple, Type

from charmer.adapter import Adapter, AdapterError, Mark, ThreadSafeAdapter
from charmer.adapter import mark_of
from charmer.texts import type_name

Found = Iterable[Tuple[str, Callable[..., Any], Optional[Mark]]]
"""Commands: their names, what is called, and what `@command` has said."""


def in_adapter(kind: Type[Adapter], owner: Any) -> Found:
    """The marked methods, or if there are none, the public ones, as the owner
    (the class, or its instance) has them."""
    base = ThreadSafeAdapter if issubclass(kind, ThreadSafeAdapter) else Adapter
    classes: List[type] = [
        cls
        for cls in reversed(kind.__mro__)
        if cls not in (object, Adapter, ThreadSafeAdapter)
    ]
    everything = dict.fromkeys(name for cls in classes for name in vars(cls))
    names = [
        name
        for name in everything
        if not name.startswith("_") and not hasattr(base, name)
    ]
    check_marked(kind, base, everything)
    if base is ThreadSafeAdapter:
        check_names(kind, names)
    methods = [
        (name, value, mark_within(value))
        for name in names
        for value in [inspect.getattr_static(kind, name)]
        if is_method(value)
    ]
    marked = [x for x in methods if x[2] is not None]
    if not marked:
        check_overridden(kind, classes)
    return [
        ((mark and mark.name) or name, owned(kind, owner, name, value), mark)
        for name, value, mark in marked or methods
    ]


def is_method(value: Any) -> bool:
    """Whether it is something that instances of a class are called with: a
    function, or what a decorator, or a compiler, has made of one. (Properties
    are left alone: looking at them would run the user's code.)"""
    if isinstance(value, (type, property)):
        return False
    if isinstance(value, (staticmethod, classmethod)):
        return True
    binds = callable(value) and hasattr(type(value), "__get__")
    return binds or mark_within(value) is not None


def mark_within(value: Any) -> Optional[Mark]:
    """The mark of what a class has, if it can be looked at."""
    try:
        return mark_of(function_of(value))
    except Exception:  # a proxy, say, that has nothing to stand for yet
        return None


def function_of(value: Any) -> Any:
    """What a staticmethod or classmethod hides."""
    return getattr(value, "__func__", value)


def owned(kind: Type[Adapter], owner: Any, name: str, value: Any) -> Any:
    """The method as its owner has it, which may be something else."""
    method = f"{kind.__name__}.{name}{place_of(value)}"
    if not callable(getattr(kind, name)):
        raise AdapterError(
            f"{method} is decorated with @charmer.command and cannot be "
            f"called: it is of type {type_name(type(value))}"
        )
    found = getattr(owner, name)
    if not callable(found):
        raise AdapterError(
            f"{method} is a command, and the adapter's instance hides it: "
            f"__init__ or setup has made self.{name} a "
            f"{type_name(type(found))}, which cannot be called. Give the "
            "attribute another name"
        )
    return found


def place_of(value: Any) -> str:
    """Where a method stands, in parentheses; nothing if it is not of Python."""
    code = getattr(inspect.unwrap(function_of(value)), "__code__", None)
    if code is None:
        return ""
    return f" ({code.co_filename}, line {code.co_firstlineno})"


def check_overridden(kind: Type[Adapter], classes: Iterable[type]) -> None:
    """Refuses to make commands of all that is public where a class above has
    said what its commands are."""
    hidden = dict.fromkeys(
        name
        for cls in classes
        for name, value in vars(cls).items()
        if is_method(value) and mark_within(value) is not None
    )
    if hidden:
        raise AdapterError(
            f"{kind.__name__} has no command: it overrides those that it "
            f"inherits ({', '.join(hidden)}) without @charmer.command. "
            "Decorate what is to be a command"
        )


def check_marked(
    kind: Type[Adapter], base: Type[Adapter], names: Iterable[str]
) -> None:
    """Refuses marks that would be overlooked: of methods that are private, or
    that the worker itself calls."""
    for name in names:
        value = inspect.getattr_static(kind, name)
        if not is_method(value) or mark_within(value) is None:
            continue
        if hasattr(base, name):
            why = f"charmer.{base.__name__} has a method of this name itself"
        elif name.startswith("_"):
            why = "a name that begins with an underscore is private"
        else:
            continue
        raise AdapterError(
            f"{kind.__name__}.{name}{place_of(value)} is decorated with "
            f"@charmer.command and cannot be a command: {why}. Give the method "
            "another name, or take the decorator away"
        )


def check_names(kind: Type[Adapter], names: Iterable[str]) -> None:
    """Refuses methods that instances hide by what they have themselves."""
    for name in names:
        if name in ThreadSafeAdapter.__annotations__ and inspect.isroutine(
            getattr(kind, name, None)
        ):
            raise AdapterError(
                f"{kind.__name__}.{name} cannot be called: self.{name} is what "
                "charmer.ThreadSafeAdapter has under this name. Give the "
                "method another one; that of its command may be given by "
                f'@charmer.command(name="{name}")'
            )
