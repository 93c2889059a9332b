"""`charmer doctor`: what stands in the way of a pool, and what to do."""

import glob
import json
import os
import shutil
import stat
import subprocess
from typing import Any, Dict, List

import pytest
from conftest import ADAPTERS, Command

PYTHON = "/usr/bin/python3"


def interpreter(folder: Any, script: str) -> str:
    """A program that does what the script says, with Python's arguments."""
    path = os.path.join(str(folder), "python3")
    with open(path, "w") as file:
        file.write(f"#!/bin/sh\n{script}\n")
    os.chmod(path, stat.S_IRWXU)
    return path


def examined(charmer: Command, **fields: Any) -> Any:
    """What it says of one pool, as JSON, and its exit status."""
    fields.setdefault("python", PYTHON)
    done = charmer("doctor", "--json", "-c", charmer.settings(**fields))
    assert done.stderr == ""
    told = json.loads(done.stdout)
    assert told["ok"] == (done.returncode == 0) == told["pools"][0]["ok"]
    return done.returncode, told["pools"][0]


def about(pool: Any, what: str) -> List[Dict[str, str]]:
    return [x for x in pool["findings"] if x["about"] == what]


def all_interpreters() -> List[str]:
    """Those of this machine that have what a worker needs, each once."""
    found: Dict[str, str] = {}
    question = (
        "import sys; from google.protobuf.internal import builder; "
        "assert sys.version_info >= (3, 9); print(sys.prefix)"
    )
    home = os.path.expanduser("~/.pyenv/versions/*/bin")
    places = ["/usr/bin", "/usr/local/bin", *sorted(glob.glob(home))]
    for place in places:
        for name in ("python3", *(f"python3.{n}" for n in range(9, 16)),
                     *(f"python3.{n}t" for n in range(13, 16))):  # fmt: skip
            path = shutil.which(name, path=place)
            if path is None:
                continue
            asked = subprocess.run([path, "-c", question], capture_output=True)
            if asked.returncode == 0:
                found.setdefault(asked.stdout.decode().strip(), path)
    return sorted(found.values())


@pytest.mark.parametrize("python", all_interpreters())
def test_a_healthy_pool_needs_nothing(charmer: Command, python: str) -> None:
    status, pool = examined(charmer, python=python)
    assert status == 0
    assert (pool["pool"], pool["profile"], pool["size"]) == (
        "default", "process", 4
    )  # fmt: skip
    version = subprocess.run([python, "-V"], capture_output=True, text=True)
    (told,) = about(pool, "python")
    assert told["text"].startswith(version.stdout.split()[1] + ", /")
    (protobuf,) = about(pool, "protobuf")
    assert protobuf["urgency"] == "fine" and "." in protobuf["text"]
    (gil,) = about(pool, "gil")
    assert gil["text"].startswith(("on", "off"))
    (adapter,) = about(pool, "adapter")
    assert adapter["text"].startswith("items, imported in ")


def test_there_is_an_interpreter_to_test_with() -> None:
    assert all_interpreters()


def test_people_read_lines(charmer: Command) -> None:
    done = charmer("doctor", "-c", charmer.settings(python=PYTHON))
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "pool default: 4 x process items"
    assert lines[1].startswith("  ok      python   3.")
    assert lines[-1] == "nothing must be done"


def test_an_interpreter_without_protobuf_is_told_with_the_remedy(
    charmer: Command, tmp_path: Any
) -> None:
    python = interpreter(tmp_path, f'exec {PYTHON} -S "$@"')
    status, pool = examined(charmer, python=python)
    assert status == 1
    (protobuf,) = about(pool, "protobuf")
    assert protobuf["urgency"] == "trouble"
    assert protobuf["remedy"] == "apt-get install python3-protobuf"
    assert about(pool, "adapter") == []
    done = charmer("doctor", "-c", charmer.settings(python=python))
    assert "  TROUBLE protobuf not there\n" in done.stdout
    assert "→ apt-get install python3-protobuf\n" in done.stdout
    assert done.stdout.endswith("something must be done: default\n")


def test_not_found_and_not_executable_are_told_apart(
    charmer: Command, tmp_path: Any
) -> None:
    status, pool = examined(charmer, python="no-such-python")
    assert status == 1
    (told,) = about(pool, "python")
    assert "no-such-python" in told["text"] and "not found" in told["text"]
    assert "python" in told["remedy"]
    path = os.path.join(str(tmp_path), "text")
    with open(path, "w") as file:
        file.write("text")
    status, pool = examined(charmer, python=path)
    assert status == 1
    (told,) = about(pool, "python")
    assert "is not executable" in told["text"]
    assert told["remedy"] == f"chmod +x {path}"


def test_an_interpreter_that_hangs_is_given_up(
    charmer: Command, tmp_path: Any
) -> None:
    python = interpreter(tmp_path, "exec sleep 600")
    file = charmer.settings(python=python)
    done = charmer("doctor", "--limit", "300ms", "-c", file, limit=20)
    assert done.returncode == 1
    assert "did not answer within 300ms" in done.stdout


def test_a_missing_package_is_told_with_what_to_install(
    charmer: Command,
) -> None:
    status, pool = examined(charmer, adapter="no_import")
    assert status == 1
    (told,) = about(pool, "adapter")
    assert told["urgency"] == "trouble"
    assert 'no_import.py", line' in told["text"]
    assert "python3-a_package_that_is_not_there" in told["remedy"]


def test_an_environment_that_was_passed_over_is_told(
    charmer: Command, tmp_path: Any
) -> None:
    environment = str(tmp_path / "ve")
    subprocess.run(
        [PYTHON, "-m", "venv", "--without-pip", environment], check=True
    )
    (site,) = glob.glob(environment + "/lib/python3*/site-packages")
    with open(os.path.join(site, "only_there.py"), "w") as file:
        file.write("def f(): return 1\n")
    charmer.file("wants_it.py", "from only_there import f\n")
    fields = {"python_path": [charmer.folder], "adapter": "wants_it",
              "env": {"VIRTUAL_ENV": environment, "PATH": "/usr/bin"}}  # fmt: skip
    line = (
        f"the active virtual environment {environment} was passed over: it has "
        f"no protobuf ({environment}/bin/python3 -m pip install protobuf)"
    )
    status, pool = examined(charmer, python="", **fields)
    assert status == 1
    told = about(pool, "python")
    assert [x["urgency"] for x in told] == ["fine", "advice"]
    assert told[1]["text"] == line
    (adapter,) = about(pool, "adapter")
    assert "No module named 'only_there'" in adapter["text"]
    assert "virtual environment that was passed over" in adapter["remedy"]
    file = charmer.settings(python="", **fields)
    done = charmer("call", "-c", file, "f")
    assert done.returncode != 0
    assert "No module named 'only_there'" in done.stderr
    assert line in done.stderr
    # It need not be what is wrong.
    fields["adapter"] = "items"
    fields["python_path"] = [ADAPTERS]
    status, pool = examined(charmer, python="", **fields)
    assert status == 0
    assert about(pool, "python")[1]["text"] == line
    done = charmer("check", "-c", charmer.settings(python="", **fields))
    assert done.returncode == 0
    assert "  note: " + line in done.stdout
    # Nobody speaks of one that is no longer meant.
    status, pool = examined(charmer, python=PYTHON, **fields)
    assert len(about(pool, "python")) == 1


def test_options_that_the_adapter_does_not_take_are_told(
    charmer: Command,
) -> None:
    options = {"path": "x"}
    status, pool = examined(charmer, adapter_options=options)
    assert status == 1
    (told,) = about(pool, "adapter")
    assert "need a class derived from charmer.Adapter" in told["text"]
    charmer.file(
        "takes.py",
        "import charmer\n"
        "class Plain(charmer.Adapter):\n"
        "    @charmer.command\n"
        "    def f(self): pass\n"
        "class Takes(Plain):\n"
        "    def __init__(self, path, size=1): pass\n"
        "class Made(Plain):\n"
        "    def __new__(cls, path): return super().__new__(cls)\n"
        "class TakesAll(charmer.ThreadSafeAdapter):\n"
        "    def __init__(self, **options): pass\n"
        "    @charmer.command\n"
        "    def f(self): pass\n",
    )
    for name, given, wrong in [
        ("Plain", {}, ""),
        ("Plain", options, "has no __init__ that takes adapter_options"),
        ("Takes", options, ""),
        ("Takes", {"paht": "x"}, "do not fit __init__(self, path, size=1)"),
        ("Takes", {}, "missing a required argument: 'path'"),
        ("Made", options, ""),
        ("Made", {"paht": "x"}, "do not fit __new__(cls, path)"),
        ("TakesAll", {"anything": 1}, ""),
    ]:
        status, pool = examined(
            charmer, adapter=f"takes:{name}", adapter_options=given,
            python_path=[charmer.folder],
        )  # fmt: skip
        (told,) = about(pool, "adapter")
        assert status == (1 if wrong else 0), (name, given, told)
        assert wrong in told["text"]


def test_a_working_directory_that_is_not_there_is_told(
    charmer: Command, tmp_path: Any
) -> None:
    missing = str(tmp_path / "missing")
    status, pool = examined(charmer, cwd=missing)
    assert status == 1
    (told,) = about(pool, "cwd")
    assert told["urgency"] == "trouble"
    assert f"{missing} is no directory" in told["text"]
    assert about(pool, "adapter") == []


def test_an_adapter_that_is_not_there_is_told(charmer: Command) -> None:
    status, pool = examined(charmer, adapter="nowhere")
    assert status == 1
    (told,) = about(pool, "adapter")
    assert "no module 'nowhere'" in told["text"] and ADAPTERS in told["text"]


def test_an_adapter_that_is_not_thread_safe_is_told(charmer: Command) -> None:
    status, pool = examined(charmer, profile="thread")
    assert status == 1
    (told,) = about(pool, "adapter")
    assert "does not declare itself thread-safe" in told["text"]


def no_adapter(tmp_path: Any, text: str) -> Dict[str, Any]:
    (tmp_path / "odd.py").write_text("import charmer\n" + text)
    return {"python_path": [str(tmp_path)]}


def test_an_adapter_without_commands_is_told(
    charmer: Command, tmp_path: Any
) -> None:
    fields = no_adapter(
        tmp_path,
        "class Empty(charmer.Adapter):\n"
        "    def __init__(self): raise SystemExit('is not constructed')\n"
        "    def _private(self): pass\n",
    )
    for adapter in ("odd:Empty", "odd"):
        status, pool = examined(charmer, adapter=adapter, **fields)
        assert status == 1
        (told,) = about(pool, "adapter")
        assert "has no command" in told["text"]


def test_a_method_is_no_adapter(charmer: Command, tmp_path: Any) -> None:
    fields = no_adapter(
        tmp_path,
        "class A(charmer.Adapter):\n"
        "    def run(self): return 1\n"
        "    @staticmethod\n"
        "    def apart(): return 1\n",
    )
    status, pool = examined(charmer, adapter="odd:A.run", **fields)
    assert status == 1
    (told,) = about(pool, "adapter")
    assert "name the class, 'odd:A'" in told["text"]
    for adapter in ("odd:A", "odd:A.apart"):
        status, _ = examined(charmer, adapter=adapter, **fields)
        assert status == 0


def test_what_would_keep_a_worker_from_starting_is_told(
    charmer: Command, tmp_path: Any
) -> None:
    fields = no_adapter(
        tmp_path,
        "class A(charmer.ThreadSafeAdapter):\n"
        "    async def setup_thread(self): pass\n"
        "    def run(self): return 1\n",
    )
    status, pool = examined(
        charmer, adapter="odd:A", profile="thread", **fields
    )
    assert status == 1
    (told,) = about(pool, "adapter")
    assert "setup_thread" in told["text"]


def test_what_an_async_setup_leaves_behind_is_told(
    charmer: Command, tmp_path: Any
) -> None:
    fields = no_adapter(
        tmp_path,
        "class A(charmer.ThreadSafeAdapter):\n"
        "    async def setup(self): pass\n"
        "    def run(self): return 1\n"
        "class B(A):\n"
        "    def setup(self): pass\n",
    )
    status, pool = examined(charmer, adapter="odd:A", **fields)
    assert status == 0
    (told,) = about(pool, "setup")
    assert "stands still between calls" in told["text"]
    assert "thread profile" in told["remedy"]
    for other in (
        {"adapter": "odd:A", "profile": "thread"},
        {"adapter": "odd:B"},
    ):
        status, pool = examined(charmer, **{**fields, **other})
        assert status == 0
        assert about(pool, "setup") == []


def test_only_what_the_adapter_imports_is_judged(charmer: Command) -> None:
    status, pool = examined(charmer)
    assert status == 0
    for told in about(pool, "library"):
        assert "not imported by the adapter" in told["text"]
        assert "sqlite3" not in told["text"]  # a part of Python
    done = charmer("doctor", "-c", charmer.settings(python=PYTHON))
    assert "unsafe" not in done.stdout


def test_pools_that_are_not_started_are_told_to_be(charmer: Command) -> None:
    text = json.dumps(
        {
            "pooling_enabled": False,
            "pools": [{"adapter": "items", "python_path": [ADAPTERS]}],
        }
    )
    file = charmer.file("off.json", text)
    for command in ("check", "doctor"):
        done = charmer(command, "-c", file)
        assert done.returncode == 0
        assert "pooling_enabled is false" in done.stderr
        assert "pool default" in done.stdout
    told = json.loads(charmer("doctor", "--json", "-c", file).stdout)
    assert "pooling_enabled is false" in told["notes"][0]


def test_in_threads_imports_are_judged(charmer: Command, tmp_path: Any) -> None:
    (tmp_path / "threaded.py").write_text(
        "import sqlite3, charmer\n"
        "class Base(charmer.ThreadSafeAdapter):\n"
        "    @charmer.command\n"
        "    def look(self): return 1\n"
    )
    fields = {"adapter": "threaded:Base", "python_path": [str(tmp_path)]}

    def imported(pool: Any) -> Any:
        # What else is installed is told, too.
        return [x for x in about(pool, "library") if "(imported)" in x["text"]]

    status, pool = examined(charmer, profile="thread", **fields)
    assert status == 0
    (told,) = imported(pool)
    assert told["urgency"] == "advice"
    assert told["text"] == "sqlite3 (imported): unsafe"
    assert "one connection per thread" in told["remedy"]
    # With a GIL, threads are no gain for everything.
    (gil,) = about(pool, "gil")
    assert gil["text"].startswith("off") or gil["urgency"] == "advice"
    status, pool = examined(charmer, profile="process", **fields)
    (told,) = imported(pool)
    assert told["urgency"] == "fine"
    assert told["text"].startswith("sqlite3 (imported): safe, ")


def test_a_slow_import_is_held_against_start_timeout(
    charmer: Command, tmp_path: Any
) -> None:
    (tmp_path / "slow.py").write_text("import time; time.sleep(0.2)\n"
                                      "def f(): pass\n")
    status, pool = examined(charmer, adapter="slow", start_timeout="300ms",
                            python_path=[str(tmp_path)])  # fmt: skip
    assert status == 0
    (told,) = about(pool, "adapter")
    assert told["urgency"] == "advice" and "300ms" in told["remedy"]


def test_every_pool_is_looked_at(charmer: Command) -> None:
    pools = [
        {"name": "good", "adapter": "items", "python": PYTHON},
        {"name": "bad", "adapter": "no_import", "python": PYTHON},
        {"name": "own", "profile": "native", "adapter": "counter"},
    ]
    for pool in pools:
        pool["python_path"] = [ADAPTERS]
    file = charmer.file("p.json", json.dumps({"pools": pools}))
    done = charmer("doctor", "-c", file)
    assert done.returncode == 1
    assert "pool good: 4 x process items" in done.stdout
    assert "no Python: the application brings them" in done.stdout
    assert done.stdout.endswith("something must be done: bad\n")
    told = json.loads(charmer("doctor", "--json", "-c", file).stdout)
    assert [x["ok"] for x in told["pools"]] == [True, False, True]


def test_wrong_settings_are_told_all_at_once(charmer: Command) -> None:
    done = charmer("doctor", "-c", charmer.settings(size=-1, adaptr="x"))
    assert done.returncode == 78
    assert "2 mistakes" in done.stderr and done.stdout == ""


def test_it_works_without_a_file(charmer: Command) -> None:
    done = charmer("doctor", "--adapter", "items", "--python", PYTHON,
                   "--python-path", ADAPTERS)  # fmt: skip
    assert done.returncode == 0 and "items, imported in" in done.stdout
