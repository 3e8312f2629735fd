"""ML_MODEL: signals by a trained model; any object with `predict` over a matrix of features."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np

from traderbot.domain.strategies.answers import Signal
from traderbot.domain.strategies.bounds import Bound, Real, check_bounds
from traderbot.domain.strategies.errors import InvalidParameterError, StrategyAnswerError
from traderbot.domain.strategies.features import AnyColumn, Features
from traderbot.domain.strategies.registry import StrategyRegistry
from traderbot.infrastructure.compute.array_strategy import ArrayStrategy
from traderbot.infrastructure.compute.arrays import FloatArray
from traderbot.infrastructure.models.inputs import read_inputs
from traderbot.infrastructure.models.model_files import Predictor, read_model

_FAR = 1e9


class ModelStrategy(ArrayStrategy):
    """Buys and sells by what a model says of the features of a bar.

    The file's digest is one of its parameters, so a record of a run names the very model. Most
    libraries add in another order for one row than for many, so the model is asked row by row in a
    backtest as well, unless `whole` says that its rows do not depend on one another (trees).
    """

    name: ClassVar[str] = "ML_MODEL"
    description: ClassVar[str] = (
        "Buys and sells by the prediction of a trained model (scikit-learn, ONNX) for each bar."
    )
    bounds: ClassVar[Mapping[str, Bound]] = {
        "buy_above": Real(-_FAR, _FAR),
        "sell_below": Real(-_FAR, _FAR),
    }
    lookback: int = 1

    def __init__(  # noqa: PLR0917 - parameters of a strategy are known by their names
        self,
        model: str | Predictor,
        inputs: str = "rsi(period=14); roc(period=10); zscore(period=20)",
        buy_above: float = 0.5,
        sell_below: float = -0.5,
        digest: str = "",
        whole: bool = False,  # noqa: FBT001, FBT002 - as above
    ) -> None:
        """Raise InvalidParameterError if the file is not the model meant, or an input is unknown.

        Args:
            model: a file (.onnx, .joblib, .pkl), or an object with `predict`.
            inputs: the columns of the matrix, in the order the model was trained with.
            buy_above: a prediction at or above it buys.
            sell_below: a prediction at or below it sells.
            digest: SHA-256 of the file in hex.
            whole: ask for all rows at once in a backtest.
        """
        check_bounds(self.bounds, {"buy_above": buy_above, "sell_below": sell_below})
        if sell_below >= buy_above:
            raise InvalidParameterError(
                "sell_below", f"below buy_above ({buy_above}), not {sell_below}"
            )
        self.inputs, self.whole = inputs, whole
        self.buy_above, self.sell_below = float(buy_above), float(sell_below)
        columns = read_inputs(inputs)
        self._names = tuple(columns)
        self.features = {name: each for name, each in columns.items() if each is not None}
        self.model, self.digest = model, digest
        if isinstance(model, str):
            self._predictor, self.digest = read_model(Path(model), digest)
        else:
            self._predictor = model

    def parameters(self) -> Mapping[str, str]:
        """Return its parameters; a model that is in no file cannot be written down."""
        if not isinstance(self.model, str):
            kind = type(self.model).__name__
            reason = f"this {kind} is in no file: save it, and give the file's name"
            raise InvalidParameterError("model", reason)
        return super().parameters()

    def signals(self, features: Features) -> AnyColumn:
        """Return +1 and -1 where the prediction is beyond a threshold; 0 while one is unknown."""
        score = self.predictions(features)
        return (score >= self.buy_above) * 1 - (score <= self.sell_below) * 1

    def predictions(self, features: Features) -> FloatArray:
        """Return what the model says of each bar; NaN where a feature is not known."""
        matrix = np.column_stack(
            [np.asarray(features[name], dtype=np.float64) for name in self._names]
        )
        known = np.flatnonzero(np.isfinite(matrix).all(axis=1))
        score = np.full(len(matrix), np.nan)
        step = max(1, len(known)) if self.whole else 1
        for first in range(0, len(known), step):
            rows = known[first : first + step]
            score[rows] = self._asked(matrix[rows])
        return score

    def values(self, features: Features) -> Mapping[str, float]:
        """Return the features and the prediction."""
        seen = dict(super().values(features))
        if len(features["close"]):
            score = float(self.predictions(features)[-1])
            if np.isfinite(score):
                seen["prediction"] = score
        return seen

    def reason(self, signal: Signal, features: Features) -> str:
        """Return the prediction and the thresholds."""
        score = float(self.predictions(features)[-1])
        model = Path(self.model).name if isinstance(self.model, str) else type(self.model).__name__
        return (
            f"{signal}: {model} predicts {score:.6g}; "
            f"buys from {self.buy_above:g}, sells from {self.sell_below:g}."
        )

    def _asked(self, matrix: FloatArray) -> FloatArray:
        found = np.asarray(self._predictor.predict(matrix))
        if found.shape != (len(matrix),) or found.dtype.kind not in "fiub":
            raise StrategyAnswerError(
                f"the model predicted {found!r:.80} for {len(matrix)} rows; "
                "it is to be one number a row"
            )
        return found.astype(np.float64)


StrategyRegistry.register(ModelStrategy.name, ModelStrategy)
