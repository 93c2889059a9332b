"""What the settings of a pool say to the worker itself.

They stand beside the adapter's own options, under the key "charmer":

    "adapter_options": {
      "model": "small",
      "charmer": {
        "safety": "warn",                   off | warn | strict
        "telemetry": {"sample": 0.1, "allow": ["model.*"], "deny": ["*.debug"]},
        "sessions": {"ttl": 3600, "max": 10000} } }

The adapter does not see them. Mistakes keep the worker from starting, and say
what is allowed.
"""

from __future__ import annotations

import json
from typing import Any, Dict, NamedTuple, Tuple

KEY = "charmer"
SAFETY = ("off", "warn", "strict")


class OptionsError(Exception):
    """The options are wrong; the text says which, and what is allowed."""


class Options(NamedTuple):
    """Each with its default, which is also the host's: that says only what
    differs."""

    safety: str = "off"
    """Thread profile: whether to look for what is not thread-safe. See
    `charmer.safety`."""

    sample: float = 1.0
    """Of what adapters emit as telemetry, the part that is sent: 0 to 1."""

    allow: Tuple[str, ...] = ("*",)
    """Patterns (as of file names) of the telemetry that is sent."""

    deny: Tuple[str, ...] = ()
    """Patterns of the telemetry that is not. They win."""

    session_ttl: float = 3600.0
    """Seconds after its last use until a session is forgotten."""

    max_sessions: int = 10_000
    """Beyond these the one that has not been used for longest is forgotten."""


def parse(data: bytes) -> Tuple[Options, Dict[str, Any]]:
    """The worker's options and the adapter's. Raises OptionsError."""
    try:
        named = json.loads(data) if data else {}
    except ValueError as error:
        raise OptionsError(f"adapter_options are no JSON: {error}") from None
    if not isinstance(named, dict):
        raise OptionsError("adapter_options are no JSON object")
    ours = Section(KEY, named.pop(KEY, {}), ("safety", "telemetry", "sessions"))
    telemetry = ours.section("telemetry", ("sample", "allow", "deny"))
    sessions = ours.section("sessions", ("ttl", "max"))
    usual = Options()
    safety = ours.values.get("safety", usual.safety)
    if safety not in SAFETY:
        raise OptionsError(f"{KEY}.safety is {safety!r}, not one of {SAFETY}")
    told = Options(
        safety=safety,
        sample=telemetry.number("sample", usual.sample, 0, 1),
        allow=telemetry.patterns("allow", usual.allow),
        deny=telemetry.patterns("deny", usual.deny),
        session_ttl=sessions.number(
            "ttl", usual.session_ttl, 0, float("inf")
        ),
        max_sessions=int(
            sessions.number("max", usual.max_sessions, 1, 10_000_000)
        ),
    )
    return told, named


class Section:
    """One object of the options, and its place in them."""

    def __init__(self, place: str, values: Any, known: Tuple[str, ...]) -> None:
        if not isinstance(values, dict):
            raise OptionsError(f"{place} is no JSON object")
        for key in values:
            if key not in known:
                listed = ", ".join(known)
                text = f"{place} has no {key!r}; there are: {listed}"
                raise OptionsError(text)
        self.place = place
        self.values = values

    def section(self, key: str, known: Tuple[str, ...]) -> Section:
        """An object within it."""
        return Section(f"{self.place}.{key}", self.values.get(key, {}), known)

    def number(
        self, key: str, default: float, low: float, high: float
    ) -> float:
        """A number within bounds."""
        value = self.values.get(key, default)
        if type(value) not in (int, float) or not low <= value <= high:
            raise OptionsError(
                f"{self.place}.{key} is {value!r}, not a number from {low} "
                f"to {high}"
            )
        return float(value)

    def patterns(self, key: str, default: Tuple[str, ...]) -> Tuple[str, ...]:
        """A list of strings."""
        value = self.values.get(key, list(default))
        if not isinstance(value, list) or not all(
            isinstance(x, str) for x in value
        ):
            raise OptionsError(f"{self.place}.{key} is no list of strings")
        return tuple(value)
