"""Events from adapters, which the application gets with those of the host.

    charmer.telemetry.emit("model.loaded", {"seconds": 1.2}, {"name": "small"})

    with charmer.telemetry.span("model.predict", {"rows": len(rows)}):
        ...                             # emits it at the end, with duration_ns

Measurements are what one adds up, metadata what one selects by. Both are JSON;
a value that is none is sent as its `repr`, because an event must not fail a
call. An event carries the correlation id of the call in which it was emitted.

What is sent is decided here, before it costs anything: a sampling ratio, and
patterns to allow and to deny (the pool's setting `telemetry`). Of one worker the
host takes 1000 events a second; what it leaves out it counts, and tells in the
next one's `dropped_before`. Names that begin with `charmer.` are the host's own:
such an event is told as `adapter.charmer.…`.

Threading: any thread. Outside a worker nothing happens.
"""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import Any, Callable, Dict, Iterator, Mapping, Optional

from charmer import context
from charmer.options import Options
from charmer.texts import type_name

RESERVED = "charmer."
MAX_NAMES = 1000  # whose verdict is remembered

Values = Mapping[str, Any]


class Filter:
    """What is sent and what is not."""

    def __init__(self, options: Options, seed: Optional[int] = None) -> None:
        self.options = options
        self.random: Callable[[], float] = lambda: -1.0
        if options.sample < 1:
            import random  # 3 ms, for those alone who sample

            self.random = random.Random(seed).random
        self.verdicts: Dict[str, bool] = {}

    def passes(self, name: str) -> bool:
        """Whether this event is sent."""
        if not self.allows(name):
            return False
        return self.random() < self.options.sample

    def allows(self, name: str) -> bool:
        """Whether events of this name are sent at all. Deny wins."""
        verdict = self.verdicts.get(name)
        if verdict is None:
            allow, deny = self.options.allow, self.options.deny
            verdict = any(fnmatchcase(name, x) for x in allow) and not any(
                fnmatchcase(name, x) for x in deny
            )
            if len(self.verdicts) < MAX_NAMES:
                self.verdicts[name] = verdict
        return verdict


def emit(
    name: str,
    measurements: Optional[Values] = None,
    metadata: Optional[Values] = None,
) -> None:
    """Sends an event to the application, if it passes the filter."""
    worker = context.worker
    if worker is not None and worker.filter.passes(name):
        if name.startswith(RESERVED):
            name = "adapter." + name
        send(name, measurements, metadata)


@contextmanager
def span(
    name: str, metadata: Optional[Values] = None
) -> Iterator[Dict[str, Any]]:
    """Measures what is done within, and emits one event at its end: the
    measurement `duration_ns`, and `outcome` "ok" or "error" (then with the
    `error`'s type) among the metadata. Gives a dict for further measurements.

        with charmer.telemetry.span("fetch") as measured:
            measured["bytes"] = len(fetch())
    """
    measured: Dict[str, Any] = {}
    told = {**(metadata or {}), "outcome": "ok"}
    began = time.perf_counter_ns()
    try:
        yield measured
    except BaseException as error:
        told.update(outcome="error", error=type_name(type(error)))
        raise
    finally:
        measured["duration_ns"] = time.perf_counter_ns() - began
        emit(name, measured, told)


def send(
    name: str, measurements: Optional[Values], metadata: Optional[Values]
) -> None:
    """Sends an event that passes every filter."""
    worker = context.worker
    if worker is not None:
        worker.tell(name, encoded(measurements), encoded(metadata))


def encoded(values: Optional[Values]) -> bytes:
    """A JSON object. What is no JSON becomes text."""
    if not values:
        return b"{}"
    try:
        return json.dumps(values, allow_nan=False, default=repr).encode()
    except Exception:  # NaN, odd keys, cycles, a `__repr__` that raises
        return json.dumps(piecewise(values)).encode()


def piecewise(values: Values) -> Any:
    """The same, of each value by itself. A copy is gone through, because
    another thread may add to it meanwhile."""
    try:
        copy = dict(values)
        return {text(key, str): plain(value) for key, value in copy.items()}
    except Exception:  # it is no mapping
        return text(values)


def plain(value: Any) -> Any:
    """The value if it is JSON, else its text."""
    try:
        json.dumps(value, allow_nan=False)
    except Exception:
        return text(value)
    return value


def text(value: Any, of: Callable[[Any], str] = repr) -> str:
    """Of whatever it is."""
    try:
        return of(value)
    except Exception:  # of the user's; an int that has too many digits
        return f"(a {type_name(type(value))} that cannot be shown)"
