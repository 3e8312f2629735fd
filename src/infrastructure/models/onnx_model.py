"""A model in the Open Neural Network Exchange format, run by onnxruntime on one thread."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from traderbot.infrastructure.compute.arrays import FloatArray


class OnnxModel:
    """Takes a table of float32, one row a bar, and gives the first output, one number a row."""

    def __init__(self, content: bytes) -> None:
        """Raise ImportError without onnxruntime, and its own errors for what is no model."""
        runtime: Any = import_module("onnxruntime")
        options = runtime.SessionOptions()
        # More threads would add in another order now and then.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = runtime.InferenceSession(
            content, options, providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name

    def predict(self, matrix: FloatArray) -> FloatArray:
        """Return one number for each row."""
        (found, *_) = self._session.run(None, {self._input: matrix.astype(np.float32)})
        return np.asarray(found, dtype=np.float64).reshape(len(matrix))
