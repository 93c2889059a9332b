"""Adapters whose instances have something else in the place of a method."""

import functools

import charmer


class Base(charmer.Adapter):
    """Two commands, of which one is given another name."""

    @charmer.command(name="guess", idempotent=True)
    def predict(self, x: int) -> int:
        return 2 * x

    @charmer.command
    def other(self) -> int:
        return 1

    def helper(self) -> int:
        """No command, as others are decorated."""
        return 0


class Cached(Base):
    def __init__(self) -> None:
        self.predict = functools.lru_cache(self.predict)

    def other(self) -> int:
        return 3

    @charmer.command
    def hits(self) -> int:
        return self.predict.cache_info().hits


class Partial(Base):
    def setup(self) -> None:
        self.predict = functools.partial(self.predict, 21)


class OfAnother(Base):
    """Calls a bound method of something else."""

    def __init__(self) -> None:
        self.predict = "x".__mul__


class HiddenByInit(Base):
    def __init__(self) -> None:
        self.predict = None


class HiddenBySetup(charmer.Adapter):
    """Its only command, and it would leave the helper."""

    def setup(self) -> None:
        self.model = {"weights": 1}

    @charmer.command
    def model(self) -> int:
        return 1

    def helper(self) -> int:
        return 0


class HiddenUnmarked(charmer.Adapter):
    def __init__(self) -> None:
        self.size = 3

    def size(self) -> int:
        return self.size


class Overrides(HiddenBySetup):
    """Without decorating it: the helper is no command because of that."""

    def setup(self) -> None:
        pass

    def model(self) -> int:
        return 2


class Decorated(charmer.Adapter):
    """What is decorated is no plain function."""

    @charmer.command
    @functools.lru_cache
    def cached(self, x: int) -> int:
        return x

    @charmer.command
    def plain(self) -> int:
        return 1


class Uncallable(charmer.Adapter):
    @charmer.command
    @functools.cached_property
    def once(self) -> int:
        raise RuntimeError("it was looked at")

    @charmer.command
    def plain(self) -> int:
        return 1
