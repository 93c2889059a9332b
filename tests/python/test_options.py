"""What the settings of a pool say to the worker itself, and its defaults, which
the host leaves out of what it says."""

from __future__ import annotations

import json
import os

import pytest
from conftest import HERE
from charmer import options

SETTINGS = os.path.join(HERE, "..", "..", "profiles", "SETTINGS.md")


def default_of(setting):
    """As it stands in the table that is made of the host's."""
    with open(SETTINGS, encoding="utf-8") as file:
        for line in file:
            if line.startswith(f"| `{setting}` |"):
                return json.loads(line.split("|")[2].strip().strip("`"))
    raise AssertionError(f"there is no {setting} in {SETTINGS}")


def test_the_worker_has_the_defaults_of_the_host():
    usual, named = options.parse(b"")
    assert usual == options.Options()
    assert named == {}
    assert usual.safety == default_of("safety")
    assert usual.sample == default_of("telemetry.sample")
    assert list(usual.allow) == default_of("telemetry.allow")
    assert list(usual.deny) == default_of("telemetry.deny")
    assert default_of("session_ttl") == "1h"
    assert usual.session_ttl == 3600
    assert usual.max_sessions == default_of("max_sessions")


def test_what_is_said_is_taken_and_the_rest_is_the_adapters():
    ours = {
        "safety": "warn",
        "telemetry": {"sample": 0.5, "allow": ["a.*"], "deny": ["*.b"]},
        "sessions": {"ttl": 1, "max": 2},
    }
    told, named = options.parse(
        json.dumps({"model": "small", "charmer": ours}).encode()
    )
    assert told == options.Options("warn", 0.5, ("a.*",), ("*.b",), 1.0, 2)
    assert named == {"model": "small"}


@pytest.mark.parametrize(
    "wrong, says",
    [
        ({"safety": "off "}, "safety"),
        ({"sefety": "off"}, "there are"),
        ({"telemetry": {"sample": 2}}, "from 0 to 1"),
        ({"telemetry": {"allow": "*"}}, "list of strings"),
        ({"sessions": {"max": 0}}, "from 1"),
        ({"sessions": []}, "no JSON object"),
    ],
)
def test_what_is_wrong_is_told_with_what_is_allowed(wrong, says):
    with pytest.raises(options.OptionsError, match=says):
        options.parse(json.dumps({"charmer": wrong}).encode())
