"""The Python side of the example."""

import charmer


class Calculator(charmer.Adapter):
    """One instance lives in each worker."""

    def setup(self) -> None:
        self.calls = 0

    @charmer.command(idempotent=True)
    def add(self, a: int, b: int) -> int:
        self.calls += 1
        return a + b

    @charmer.command
    def divide(self, a: float, b: float) -> float:
        return a / b
