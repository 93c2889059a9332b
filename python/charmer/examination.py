"""What an interpreter has for a pool: run once by the host, never by hand.

    python <package>/charmer/examination.py JSON

JSON: {"adapter": "module:name", "options": {...}, "threads": 1, "python_path":
[...], "libraries": {"scikit-learn": ["sklearn"], ...}}. Prints one line of JSON:

    libraries    name → version, of those that are installed; "" if unknown
    imported     names of those that importing the adapter has imported
    adapter      {"error", "traceback", "missing", "seconds", "async_setup"}; no
                 error: it can be imported, has commands, and suits the profile.
                 It is not constructed
    gil_enabled  after the import, which may have turned it on again

Needs nothing but the standard library until the adapter is imported, so that
an interpreter without protobuf can be examined too. What an adapter prints
does not get into the answer.

Threading: the main thread.
"""

from __future__ import annotations

import json
import os
import sys
import time
from importlib import util
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Dict, List

Libraries = Dict[str, List[str]]


def main() -> None:
    """Answers, and ends without waiting for what the adapter has started."""
    answer = os.dup(1)
    os.dup2(2, 1)
    asked = json.loads(sys.argv[1])
    # Without links resolved: beside the package stands what was built for it.
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[0] = os.path.dirname(here)
    sys.path[:0] = asked["python_path"]
    libraries: Libraries = asked["libraries"]
    told: Dict[str, Any] = {"libraries": installed(libraries)}
    prepare()
    before = imported(libraries)
    told["adapter"] = adapter(
        asked["adapter"], asked["options"], asked["threads"]
    )
    told["imported"] = [x for x in imported(libraries) if x not in before]
    told["gil_enabled"] = getattr(sys, "_is_gil_enabled", lambda: True)()
    with os.fdopen(answer, "w") as out:
        out.write("\n" + json.dumps(told) + "\n")
    os._exit(0)


def prepare() -> None:
    """What a worker imports itself is not the adapter's doing."""
    try:
        from charmer import worker  # noqa: F401
    except ImportError:
        pass  # no protobuf, which the examination of the adapter says


def imported(libraries: Libraries) -> List[str]:
    """Those that have been imported by now."""
    return sorted(
        name
        for name, modules in libraries.items()
        if any(module in sys.modules for module in modules)
    )


def installed(libraries: Libraries) -> Dict[str, str]:
    """Those that can be imported, with their versions. Imports none."""
    found: Dict[str, str] = {}
    for name, modules in libraries.items():
        if any(can_be_found(module) for module in modules):
            found[name] = version_of(name)
    return found


def can_be_found(module: str) -> bool:
    """Whether an import would find it."""
    try:
        return util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def version_of(name: str) -> str:
    """The installed version; empty for what is part of Python, or was put
    there by hand."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def adapter(
    name: str, options: Dict[str, Any], threads: int
) -> Dict[str, Any]:
    """Imports the adapter as a worker does, and says how that went."""
    begin = time.monotonic()
    told: Dict[str, Any] = {}
    try:
        told["async_setup"] = load(name, options, threads)
    except BaseException as error:
        told = described(error)
    told["seconds"] = time.monotonic() - begin
    return told


def load(name: str, options: Dict[str, Any], threads: int) -> bool:
    """What comes before an adapter is constructed. Returns whether its setup
    is `async def`."""
    from charmer import commands

    return commands.examine(name, options, threads)


def described(error: BaseException) -> Dict[str, Any]:
    """The error in words; of the user's own ones also where."""
    try:
        from charmer import failures
        from charmer.adapter import AdapterError
    except ImportError:  # no protobuf: there is no more to say
        return {"error": f"charmer cannot be imported: {error}"}
    if isinstance(error, AdapterError):
        return {"error": str(error)}
    told = {
        "error": f"{type(error).__name__}: {failures.text_of(error)}",
        "traceback": failures.traceback_of(error),
    }
    if isinstance(error, ModuleNotFoundError) and error.name:
        told["missing"] = error.name.partition(".")[0]
    return told


if __name__ == "__main__":
    main()
