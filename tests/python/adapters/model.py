"""An adapter with options, setup, teardown and every kind of method."""

import charmer

not_a_command = 3


class Model(charmer.Adapter):
    def __init__(self, size: int = 1, name: str = "small") -> None:
        self.size = size
        self.name = name
        self.ready = False

    def setup(self) -> None:
        self.ready = True

    def teardown(self) -> None:
        print(f"torn down: {self.name}")

    @charmer.command
    def describe(self, suffix: str = "") -> list:
        """Says what it is.

        In two paragraphs."""
        return [self.name + suffix, self.size, self.ready]

    @charmer.command(name="twice", idempotent=True)
    def double(self, x: int) -> int:
        return 2 * x

    @charmer.command
    @staticmethod
    def static(x: int) -> int:
        return x + 1

    @charmer.command
    @classmethod
    def of_class(cls) -> str:
        return cls.__name__

    @charmer.command
    def count(self, to: int):
        yield from range(to)

    @property
    def broken(self) -> int:
        raise RuntimeError("a property was looked at")

    def not_marked(self) -> None:
        raise RuntimeError("not a command")


class Unmarked(charmer.Adapter):
    def first(self) -> int:
        return 1

    def _private(self) -> int:
        return 2


class Derived(Model):
    def describe(self, suffix: str = "") -> list:
        return ["derived"]

    @charmer.command
    def more(self) -> int:
        return 1


class FailsInSetup(charmer.Adapter):
    def setup(self) -> None:
        try:
            {}["model"]
        except KeyError as error:
            raise RuntimeError("no model here") from error

    @charmer.command
    def run(self) -> None:
        pass


class Plain:
    pass
