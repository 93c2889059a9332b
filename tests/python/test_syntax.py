"""The package is written for Python 3.9 and later."""

from __future__ import annotations

import ast
import glob
import os
import subprocess

import pytest
from conftest import HERE, INTERPRETERS

SOURCES = sorted(
    glob.glob(os.path.join(HERE, "..", "..", "python", "**", "*.py"),
              recursive=True)
)  # fmt: skip


def test_there_are_sources():
    assert len(SOURCES) > 8


@pytest.mark.parametrize("path", SOURCES, ids=os.path.basename)
def test_the_syntax_is_that_of_3_9(path):
    with open(path, encoding="utf-8") as source:
        ast.parse(source.read(), path, feature_version=(3, 9))


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_every_interpreter_compiles_it(interpreter):
    code = (
        "import sys\n"
        "for path in sys.argv[1:]:\n"
        "    compile(open(path, encoding='utf-8').read(), path, 'exec')\n"
    )
    subprocess.run([interpreter, "-c", code, *SOURCES], check=True, timeout=60)
