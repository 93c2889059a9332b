"""The package's annotations hold, where mypy is there to say so."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from conftest import HERE, PACKAGE


def test_mypy_strict_finds_nothing(tmp_path):
    pytest.importorskip("mypy")
    done = subprocess.run(
        [
            sys.executable, "-m", "mypy",
            "--config-file", os.path.join(HERE, "mypy.ini"),
            "--cache-dir", str(tmp_path),
            "-p", "charmer",
        ],
        cwd=PACKAGE,
        env={**os.environ, "MYPYPATH": "."},
        capture_output=True,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout.decode()
