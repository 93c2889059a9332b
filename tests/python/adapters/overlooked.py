"""Methods that are decorated and have names that no command can have."""

from typing import Any

import charmer


class Private(charmer.Adapter):
    @charmer.command
    def run(self) -> int:
        return 1

    @charmer.command(name="predict")
    def _predict(self) -> int:
        return 2


class PrivateStatic(charmer.Adapter):
    @staticmethod
    @charmer.command
    def _predict() -> int:
        return 2


class PrivateBelow(Private):
    def run(self) -> int:
        return 3


class OfTheAdapter(charmer.Adapter):
    @charmer.command
    def run(self) -> int:
        return 1

    @charmer.command
    def health_check(self) -> bool:
        return True


class OfTheThreads(charmer.ThreadSafeAdapter):
    @charmer.command
    def statistics(self) -> Any:
        return {}


class Touchy:
    """Does not like to be looked at."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"nobody may ask for {name}")


class Quiet(charmer.Adapter):
    _settings = Touchy()

    def setup(self) -> None:
        self.value = self._one()

    def run(self) -> int:
        return self.value

    def _one(self) -> int:
        return 1
