"""What a user derives from and decorates with."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any, Awaitable, Callable, ClassVar, Dict, NamedTuple
from typing import Optional, Type, TypeVar, Union, overload

from charmer import context

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

    `setup`, `teardown` and `health_check` may be `async def`; they run on the
    event loop that runs the coroutines of commands. In the process profile that
    loop runs only while a coroutine of a command, or one of these, is waited
    for: between calls, and during commands that are no coroutines, it stands
    still, and with it what a setup has left running there (a connection that is
    kept alive, a cache that is filled). What must go on meanwhile needs a thread
    of its own, or the thread profile, whose loop has one and goes on.
    """

    thread_safe: ClassVar[bool] = False
    """Whether commands may run at the same time. The thread profile refuses an
    adapter that does not say so; see ThreadSafeAdapter."""

    def setup(self) -> Optional[Awaitable[None]]:
        """Called once, before the first command: load what takes long here."""
        return None

    def teardown(self) -> Optional[Awaitable[None]]:
        """Called once, after the last command. Not called when the worker is
        killed, so nothing may depend on it. The application answers no
        `charmer.host.call` any more: HostGone."""
        return None

    def health_check(self) -> Union[bool, Awaitable[bool]]:
        """Whether this worker can still do its work: what the built-in command
        `health_check` asks. False, or an exception, says that it should be
        replaced: a connection is gone, a model does not answer. What is no bool
        counts as by bool(), but None, which says nothing, is well."""
        return True


class AdapterLock:
    """The lock of a ThreadSafeAdapter. A thread that has it may take it again.
    The safety checker sees who takes it. A threading.Condition can have it.

        with self.lock:
            self.total += x
    """

    def __init__(self) -> None:
        self._lock: Any = threading.RLock()
        self._mine = threading.local()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """As that of threading.RLock."""
        got: bool = self._lock.acquire(blocking, timeout)
        if got:
            self._mine.taken = self.taken_here() + 1
        return got

    def release(self) -> None:
        """As that of threading.RLock."""
        self._lock.release()

    def taken_here(self) -> int:
        """How often this thread has taken it so far."""
        taken: int = getattr(self._mine, "taken", 0)
        return taken

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        tb: Optional[TracebackType],
    ) -> None:
        self.release()

    # -- what threading.Condition asks of a lock that can be taken twice -------

    def _is_owned(self) -> bool:
        owned: bool = self._lock._is_owned()
        return owned

    def _release_save(self) -> Any:
        return self._lock._release_save()

    def _acquire_restore(self, state: Any) -> None:
        self._lock._acquire_restore(state)
        self._mine.taken = self.taken_here() + 1


class ThreadSafeAdapter(Adapter):
    """Base class of adapters whose commands may run at the same time, in the
    threads of one process: `"profile": "thread"`.

    `self.lock` guards what threads share; `self.local` (a threading.local)
    holds what each has for itself, and `setup_thread` fills it.

        class Tagger(charmer.ThreadSafeAdapter):
            def setup(self) -> None:
                self.seen = 0                       # shared

            def setup_thread(self) -> None:
                self.local.pipeline = load()        # one for each thread

            @charmer.command
            def tag(self, text: str) -> list:
                with self.lock:
                    self.seen += 1
                return self.local.pipeline(text)

    Threading: `setup` and `teardown` run in the main thread, before and after
    everything else; all other methods in any. The process profile has but the
    main thread, which is set up as any.
    """

    thread_safe = True

    lock: AdapterLock
    local: threading.local

    def __new__(cls, *args: Any, **named: Any) -> ThreadSafeAdapter:
        self = super().__new__(cls)
        # Here, so that an `__init__` of the user's need not think of it.
        self.lock = AdapterLock()
        self.local = threading.local()
        return self

    def setup_thread(self) -> None:
        """Called once in each thread, before its first command. An exception
        keeps the worker from starting."""

    def teardown_thread(self) -> None:
        """Called once in each thread, after its last command."""

    def statistics(self) -> Dict[str, Dict[str, Any]]:
        """What this worker has run so far, by command: `calls`, `failed`,
        `mean_ms`, `longest_ms`. Empty in the process profile."""
        worker = context.worker
        return {} if worker is None else worker.statistics()


def set_up_thread(adapter: Optional[Adapter]) -> None:
    """What an adapter does once in each thread."""
    if isinstance(adapter, ThreadSafeAdapter):
        adapter.setup_thread()


def tear_down_thread(adapter: Optional[Adapter]) -> None:
    """What it does at a thread's end. Errors are logged."""
    if not isinstance(adapter, ThreadSafeAdapter):
        return
    try:
        adapter.teardown_thread()
    except BaseException:  # nothing else ends because of it
        import logging

        logging.getLogger("charmer").exception("teardown_thread failed")


class AdapterError(Exception):
    """The adapter cannot be had; the text says what to do."""


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
    something is, only that. In a class that is decided by the class: what
    `__init__` or `setup` put into the place of a method, as in
    `self.predict = functools.lru_cache(self.predict)`, is called instead of it,
    and what cannot be called is refused. So is a decorated method that can be no
    command: a private one, or one that Adapter has itself.

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
