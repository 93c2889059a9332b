"""What a user derives from and decorates with."""

from __future__ import annotations

from typing import Any, Callable, NamedTuple, Optional, TypeVar, Union, overload

Function = TypeVar("Function", bound=Callable[..., Any])


class Adapter:
    """Base class of adapters. One instance lives in each worker.

    The constructor gets the pool's `adapter_options` by name. An exception in
    it or in `setup` is reported to the host, and the worker does not start.

        class Translator(charmer.Adapter):
            def __init__(self, model: str = "small") -> None:
                self.name = model

            def setup(self) -> None:
                self.model = load(self.name)

            @charmer.command(idempotent=True)
            def translate(self, text: str) -> str:
                return self.model(text)
    """

    def setup(self) -> None:
        """Called once, before the first command: load what takes long here."""

    def teardown(self) -> None:
        """Called once, after the last command. Not called when the worker is
        killed, so nothing may depend on it."""


class Mark(NamedTuple):
    """What `@command` writes onto a function."""

    name: Optional[str]
    idempotent: bool


@overload
def command(function: Function) -> Function: ...


@overload
def command(
    *, name: Optional[str] = None, idempotent: bool = False
) -> Callable[[Function], Function]: ...


def command(
    function: Optional[Function] = None,
    *,
    name: Optional[str] = None,
    idempotent: bool = False,
) -> Union[Function, Callable[[Function], Function]]:
    """Makes a method or a function a command. The function stays as it is.

    Where nothing is decorated, every public function is a command; where
    something is, only that.

    Args:
        name: what the host calls it; the function's own name if not given.
        idempotent: it may run twice. A call that had begun when its worker
            died is then tried again on another worker.

        @charmer.command
        def add(a, b): return a + b

        @charmer.command(name="count-words", idempotent=True)
        def count(text): return len(text.split())
    """

    def mark(target: Function) -> Function:
        # A staticmethod or classmethod hides the function that callers get.
        inner: Any = getattr(target, "__func__", target)
        inner.__charmer_command__ = Mark(name, idempotent)
        return target

    return mark if function is None else mark(function)


def mark_of(function: object) -> Optional[Mark]:
    """The mark that `@command` has left, if it has."""
    mark = getattr(function, "__charmer_command__", None)
    return mark if isinstance(mark, Mark) else None
