# mypy: disable-error-code="import-not-found"
"""A small multi-layer perceptron in plain numpy."""

from __future__ import annotations

from typing import Any

import numpy


class TinyNet:
    """A classifier for 8x8 pictures: 64 inputs, two hidden layers, numpy only.

    Call it with an array of shape (n, 64) for probabilities of shape (n, classes),
    or use `predict` for the most probable class of each row.
    """

    def __init__(self, parameters: dict[str, Any]) -> None:
        self.parameters = parameters

    @classmethod
    def random(cls, classes: int = 10, seed: int = 0) -> TinyNet:
        """An untrained network."""
        generator = numpy.random.default_rng(seed)
        widths = (64, 256, 128, classes)
        parameters = {}
        for index in range(len(widths) - 1):
            rows, columns = widths[index], widths[index + 1]
            scale = (6 / (rows + columns)) ** 0.5
            weights = generator.uniform(-scale, scale, (rows, columns))
            parameters[f"w{index}"] = weights.astype("float32")
            parameters[f"b{index}"] = numpy.zeros(columns, "float32")
        return cls(parameters)

    @property
    def depth(self) -> int:
        return len(self.parameters) // 2

    def __call__(self, x: Any) -> Any:
        """Probabilities, shape (n, classes); `x` has the shape (n, 64) or (64,)."""
        value = numpy.atleast_2d(numpy.asarray(x, "float32"))
        for index in range(self.depth):
            weights = self.parameters[f"w{index}"]
            value = value @ weights + self.parameters[f"b{index}"]
            if index + 1 < self.depth:
                value = numpy.maximum(value, 0)
        raised = numpy.exp(value - value.max(axis=1, keepdims=True))
        return raised / raised.sum(axis=1, keepdims=True)

    def predict(self, x: Any) -> Any:
        """The most probable class of each row, shape (n,)."""
        return self(x).argmax(axis=1)

    def __repr__(self) -> str:
        weights = [self.parameters[f"w{index}"] for index in range(self.depth)]
        widths = [weights[0].shape[0], *(w.shape[1] for w in weights)]
        count = sum(array.size for array in self.parameters.values())
        shape = " -> ".join(str(width) for width in widths)
        return f"TinyNet({shape}, {count:,} parameters)"
