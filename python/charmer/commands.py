"""Finds an adapter and makes the table of its commands.

An adapter is named "module:name" or "module":

    calculator:Calculator   a class derived from charmer.Adapter
    calculator:add          one function
    calculator              the functions of a module

Everything that can be asked beforehand (signature, documentation, marks) is
asked here once, and never while a call is handled.
"""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from types import ModuleType
from typing import Any, Callable, Dict, Iterable, Optional, Tuple, Type

from charmer.adapter import Adapter, AdapterError, Mark, mark_of
from charmer.health import BUILT_IN
from charmer.methods import Found, in_adapter

PING = "ping"


class Command:
    """One command, ready to be called."""

    __slots__ = ("name", "function", "idempotent", "signature", "doc",
                 "unhurried", "streams", "awaits", "special")  # fmt: skip

    def __init__(
        self, name: str, function: Callable[..., Any], mark: Optional[Mark]
    ) -> None:
        self.name = name
        self.function = function
        self.idempotent = mark is not None and mark.idempotent
        # A generator streams, a coroutine is awaited, an async generator both.
        asynchronous = inspect.isasyncgenfunction(function)
        self.streams = asynchronous or inspect.isgeneratorfunction(function)
        self.awaits = asynchronous or inspect.iscoroutinefunction(function)
        self.special = self.streams or self.awaits
        try:
            self.signature = str(inspect.signature(function))
        except (TypeError, ValueError):  # some builtins have none
            self.signature = "(…)"
        self.doc = inspect.getdoc(function) or ""
        # See Executor.execute: nobody waits behind what may take long.
        self.unhurried = 1


Commands = Dict[str, Command]


def load(
    name: str,
    options: Dict[str, Any],
    threads: int = 1,
    settled: Callable[[Any], Any] = lambda value: value,
) -> Tuple[Optional[Adapter], Commands]:
    """Imports the adapter, constructs it with the options and sets it up;
    `settled` runs the coroutine of a setup that is `async def`. Raises
    AdapterError, or whatever the user's code raises."""
    module, target = find(name)
    if threads > 1:
        check_thread_safe(name, module, target)
    adapter: Optional[Adapter] = None
    if is_adapter(target):
        check_hooks(name, target)
        made: Adapter = target(**options)
        settled(made.setup())
        adapter = made
    else:
        check_no_options(name, options)
    return adapter, table(name, functions_of(name, target, adapter))


def examine(name: str, options: Dict[str, Any], threads: int = 1) -> bool:
    """Everything that can be said without an instance. Raises AdapterError, or
    whatever importing it raises. Returns whether its setup is `async def`."""
    module, target = find(name)
    if threads > 1:
        check_thread_safe(name, module, target)
    if is_adapter(target):
        check_hooks(name, target)
        check_options(name, target, options)
    else:
        check_no_options(name, options)
    table(name, functions_of(name, target))
    return is_adapter(target) and inspect.iscoroutinefunction(target.setup)


def find(name: str) -> Tuple[ModuleType, Any]:
    """The module, and the thing in it that the name means."""
    module_name, _, path = name.partition(":")
    module = import_module(module_name)
    return module, look_up(module, path) if path else module


def is_adapter(target: Any) -> bool:
    return inspect.isclass(target) and issubclass(target, Adapter)


def functions_of(
    name: str, target: Any, adapter: Optional[Adapter] = None
) -> Found:
    """The commands of whatever an adapter is named by; of a class those of its
    instance, if there is one."""
    if is_adapter(target):
        return in_adapter(target, target if adapter is None else adapter)
    if isinstance(target, ModuleType):
        return in_module(target)
    path = name.partition(":")[2]
    if callable(target) and not inspect.isclass(target):
        check_no_method(name, path, target)
        return [(path.rpartition(".")[2], target, mark_of(target))]
    raise AdapterError(
        f"{name!r} is neither a class derived from charmer.Adapter nor a "
        f"function, but {target!r:.200}"
    )


def check_no_method(name: str, path: str, target: Any) -> None:
    """Refuses Class.method, which nobody would give its `self`."""
    outer, _, method = path.rpartition(".")
    if not outer or not inspect.isfunction(target):
        return
    owner: Any = sys.modules[name.partition(":")[0]]
    for part in outer.split("."):
        owner = getattr(owner, part)
    if inspect.isclass(owner) and not isinstance(
        inspect.getattr_static(owner, method), (staticmethod, classmethod)
    ):
        whole = name[: -len(method) - 1]
        raise AdapterError(
            f"{name!r} is a method, which needs an instance: name the class, "
            f"{whole!r}, and derive it from charmer.Adapter"
        )


def check_thread_safe(name: str, module: ModuleType, target: Any) -> None:
    """Refuses what does not say that its commands may run at once."""
    said = target if inspect.isclass(target) else module
    if getattr(said, "thread_safe", False) is not True:
        what = "class" if inspect.isclass(target) else "module"
        raise AdapterError(
            f"{name!r} does not declare itself thread-safe, and the pool's "
            "profile is thread. If its commands may run at the same time, "
            "derive the class from charmer.ThreadSafeAdapter (or write "
            f"`thread_safe = True` in the {what}); otherwise set the pool's "
            "profile to process"
        )


def check_no_options(name: str, options: Dict[str, Any]) -> None:
    """Refuses options that nobody would get."""
    if options:
        raise AdapterError(
            f"adapter_options need a class derived from charmer.Adapter to "
            f"take them, and {name!r} is none"
        )


def check_options(
    name: str, adapter: Type[Adapter], options: Dict[str, Any]
) -> None:
    """Refuses options that do not fit the constructor, as it would itself."""
    if type(adapter).__call__ is not type.__call__:
        return  # its metaclass knows what becomes of them
    own = [
        name
        for name in ("__new__", "__init__")
        if getattr(adapter, name) is not getattr(object, name)
    ]
    if options and not own:
        raise AdapterError(
            f"{name!r} has no __init__ that takes adapter_options, and they "
            f"name {', '.join(options)}"
        )
    for method in own:
        try:
            signature = inspect.signature(getattr(adapter, method))
        except (TypeError, ValueError):  # one that is written in C
            continue
        try:
            signature.bind(None, **options)
        except TypeError as error:
            raise AdapterError(
                f"adapter_options do not fit {method}{signature} of {name!r}: "
                f"{error}"
            ) from None


def check_hooks(name: str, adapter: Type[Adapter]) -> None:
    """Refuses methods that would be called and would not run."""
    for hook in ("setup_thread", "teardown_thread", "__init__"):
        if inspect.iscoroutinefunction(getattr(adapter, hook, None)):
            raise AdapterError(
                f"{hook} of {name!r} is `async def`: coroutines run on the one "
                "event loop of the worker, not here. Make it a plain `def`, or "
                "do it in `async def setup`"
            )
    for hook in ("setup", "teardown", "health_check", "setup_thread",
                 "teardown_thread"):  # fmt: skip
        method = getattr(adapter, hook, None)
        if inspect.isgeneratorfunction(method) or inspect.isasyncgenfunction(
            method
        ):
            raise AdapterError(
                f"{hook} of {name!r} has a `yield`, so that a call of it runs "
                "nothing: make it a plain `def` or `async def`"
            )


def import_module(name: str) -> ModuleType:
    """Imports; if the very module is missing, says where it was looked for."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name + ".").startswith(error.name + "."):
            raise  # something that the adapter imports is missing
        places = "".join(f"\n  {place}" for place in sys.path)
        raise AdapterError(
            f"no module {error.name!r} for the adapter; python_path should "
            f"name its folder. Looked in:{places}\nfrom {os.getcwd()}"
        ) from None


def look_up(module: ModuleType, path: str) -> Any:
    """The thing within the module, or the nearest name."""
    target: Any = module
    for name in path.split("."):
        try:
            target = getattr(target, name)
        except AttributeError:
            public = [x for x in dir(target) if not x.startswith("_")]
            raise AdapterError(
                f"module {module.__name__!r} ({module.__file__}) has no "
                f"{path!r}{nearest(name, public)}"
            ) from None
    return target


def in_module(module: ModuleType) -> Found:
    """The marked functions, or if there are none, the public ones that are
    defined in this module."""
    functions = [
        (name, value)
        for name, value in vars(module).items()
        if inspect.isroutine(value)
    ]
    marked: Found = [
        (mark.name or name, function, mark)
        for name, function in functions
        for mark in [mark_of(function)]
        if mark is not None
    ]
    return marked or [
        (name, function, None)
        for name, function in functions
        if not name.startswith("_")
        # (A method of a builtin class does not say where it is from.)
        and getattr(function, "__module__", None) == module.__name__
    ]


def table(adapter: str, found: Found) -> Commands:
    """The commands by name, the built-in one included."""
    commands: Commands = {}
    for name, function, mark in found:
        if name in commands:
            raise AdapterError(f"{adapter!r} has two commands named {name!r}")
        commands[name] = Command(name, function, mark)
    if PING in commands:
        raise AdapterError(
            f"{adapter!r} has a command named {PING!r}, which is built in: "
            "give it another name"
        )
    if not commands:
        raise AdapterError(
            f"{adapter!r} has no command: no public function, and none with "
            "@charmer.command. Is a class meant (module:Class)?"
        )
    for function in BUILT_IN:
        name = function.__name__
        if name not in commands:
            mark = Mark(name, idempotent=True)
            commands[name] = Command(name, function, mark)
    return commands


def unknown(name: str, commands: Commands) -> str:
    """What is said about a command that there is not."""
    listed = ", ".join(sorted(commands)[:100])
    return f"no command {name!r}{nearest(name, commands)}; there are: {listed}"


def nearest(name: str, names: Iterable[str]) -> str:
    """A hint, if a name is near."""
    import difflib  # only a mistake pays for it

    close = difflib.get_close_matches(name, names, 1)
    return f"; did you mean {close[0]!r}?" if close else ""
