"""An adapter in an interpreter that says it runs without the GIL."""

import sys

from crew import Crew  # noqa: F401

sys._is_gil_enabled = lambda: False
