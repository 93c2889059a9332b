"""A model in numpy: least squares, learned once, then asked many times.

    { "pools": [ { "name": "default", "size": 4, "adapter": "numpy_model:Model",
                   "memory_limit": "512MB" } ] }

numpy computes with as many threads as the profile allows: one in a process
worker, so that four workers do not fight for the cores.

Needs numpy (Debian: python3-numpy) in the interpreter of the pool.
"""

from __future__ import annotations

from typing import Dict, Iterator, List

import numpy

import charmer


class Model(charmer.ThreadSafeAdapter):
    """y = x · weights. Numbers come as JSON or as raw float64."""

    def __init__(self, ridge: float = 1e-9) -> None:
        self.ridge = ridge

    def setup(self) -> None:
        self.weights = numpy.zeros(0)

    @charmer.command
    def fit(self, x: List[List[float]], y: List[float]) -> Dict[str, object]:
        """Learns, and says what. `.tolist()` makes JSON of an array."""
        inputs, outputs = numpy.asarray(x, float), numpy.asarray(y, float)
        square = inputs.T @ inputs + self.ridge * numpy.eye(inputs.shape[1])
        weights = numpy.linalg.solve(square, inputs.T @ outputs)
        with self.lock:
            self.weights = weights
        error = float(numpy.abs(inputs @ weights - outputs).max())
        return {"weights": weights.tolist(), "error": error}

    @charmer.command(idempotent=True)
    def predict(self, x: List[List[float]]) -> List[float]:
        """For small inputs JSON is convenient."""
        result: List[float] = (numpy.asarray(x, float) @ self.weights).tolist()
        return result

    @charmer.command(idempotent=True)
    def predict_raw(self, rows: bytes) -> bytes:
        """For large ones there are bytes: no digits are written or read."""
        x = numpy.frombuffer(rows).reshape(-1, len(self.weights))
        data: bytes = (x @ self.weights).tobytes()
        return data

    @charmer.command
    def predict_all(self, rows: bytes, step: int = 1000) -> Iterator[bytes]:
        """As a stream, so that the first results are there early."""
        x = numpy.frombuffer(rows).reshape(-1, len(self.weights))
        for at in range(0, len(x), step):
            yield (x[at : at + step] @ self.weights).tobytes()
