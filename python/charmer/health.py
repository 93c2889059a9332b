"""The commands that every worker has: `ping` and `health_check`.

Threading: any thread.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Callable, Dict, Tuple

from charmer import context


def ping() -> Dict[str, Any]:
    """Answers that the worker is there. Built in."""
    return {"status": "pong", "pid": os.getpid()}


def health_check() -> Dict[str, Any]:
    """Asks the adapter whether it can work, and tells what the worker does:
    threads, commands that run, in the thread profile also statistics by command
    and what the safety checker has found. Built in, unless the adapter has a
    command of this name."""
    worker = context.worker
    told: Dict[str, Any] = {
        "healthy": True,
        "pid": os.getpid(),
        "gil_enabled": getattr(sys, "_is_gil_enabled", lambda: True)(),
    }
    if worker is None:
        return told
    told.update(worker.state())
    try:
        if worker.adapter is not None:
            healthy = worker.settled(worker.adapter.health_check())
            told["healthy"] = healthy is None or bool(healthy)
    except Exception as error:
        told["healthy"] = False
        told["reason"] = f"{type(error).__name__}: {error}"
    return told


BUILT_IN: Tuple[Callable[[], Dict[str, Any]], ...] = (ping, health_check)
