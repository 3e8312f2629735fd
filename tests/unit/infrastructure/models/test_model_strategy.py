"""Signals by a trained model, and only by the very model that was meant."""

from __future__ import annotations

import pickle
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.runs import CONTEXT, asked, wave
from traderbot.domain.strategies.errors import InvalidParameterError, StrategyAnswerError
from traderbot.domain.strategies.registry import StrategyRegistry
from traderbot.infrastructure.compute.columns import Columns
from traderbot.infrastructure.compute.signals import signals_of
from traderbot.strategies import ModelStrategy

ROWS = wave(150)
BARS = Columns.of_rows(ROWS)
INPUTS = "rsi(period=5); macd.histogram(fast=3, slow=6, signal=2); close"


class Weighs:
    """A linear model, whose sums depend on how the library adds."""

    def predict(self, matrix: Any) -> Any:
        return matrix @ np.array([0.04, 1.0, 0.0]) - 2.0


def test_a_model_says_the_same_in_batch_and_live() -> None:
    strategy = ModelStrategy(Weighs(), INPUTS)
    batch = signals_of(strategy, BARS)
    assert {-1, 0, 1} == set(batch.tolist())
    assert asked(strategy.watch("X", CONTEXT), ROWS) == batch.tolist()
    assert strategy.warm_up == 7


def test_a_model_of_scikit_learn_is_fed_the_matrix_it_was_trained_with() -> None:
    from sklearn.tree import (  # type: ignore[import-untyped]  # noqa: PLC0415 - slow to import
        DecisionTreeClassifier,
    )

    matrix = np.column_stack([BARS.close, BARS.volume])
    rises = np.sign(np.append(np.diff(BARS.close), 0.0)).astype(int)
    model = DecisionTreeClassifier(max_depth=4, random_state=0).fit(matrix, rises)
    whole = ModelStrategy(model, "close; volume", 1.0, -1.0, whole=True)
    one_by_one = ModelStrategy(model, "close; volume", 1.0, -1.0)
    said = signals_of(whole, BARS)
    assert said.tolist() == model.predict(matrix).tolist()
    assert signals_of(one_by_one, BARS).tolist() == said.tolist()


def test_the_words_name_the_prediction() -> None:
    strategy = ModelStrategy(Weighs(), INPUTS)
    watcher = strategy.watch("X", CONTEXT)
    asked(watcher, ROWS[:-1])
    seen = watcher.look(ROWS[-1])
    assert "Weighs predicts" in seen.result["reason"]
    assert set(seen.explanation.indicators) == {
        "rsi(period=5)", "macd.histogram(fast=3, slow=6, signal=2)", "prediction",
    }  # fmt: skip


def test_a_pickle_is_read_only_if_its_digest_is_given(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(Weighs()))
    digest = sha256(path.read_bytes()).hexdigest()
    parameters = {"model": str(path), "inputs": INPUTS}
    with pytest.raises(InvalidParameterError, match=f"program that runs.*which is {digest}"):
        StrategyRegistry.create("ML_MODEL", parameters)
    strategy = StrategyRegistry.create("ML_MODEL", parameters | {"digest": digest})
    assert strategy.parameters()["digest"] == digest
    again = StrategyRegistry.create("ML_MODEL", strategy.parameters())
    assert (
        signals_of(again, BARS).tolist()
        == signals_of(ModelStrategy(Weighs(), INPUTS), BARS).tolist()
    )
    path.write_bytes(b"another")
    with pytest.raises(InvalidParameterError, match="another file than the one meant"):
        StrategyRegistry.create("ML_MODEL", strategy.parameters())


class Touches:
    """A pickle that leaves a trace when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_a_pickle_of_unknown_digest_does_not_run(tmp_path: Path) -> None:
    path, trace = tmp_path / "model.pkl", tmp_path / "trace"
    path.write_bytes(pickle.dumps(Touches(trace)))
    for digest in ("", "0" * 64):
        with pytest.raises(InvalidParameterError):
            ModelStrategy(str(path), digest=digest)
    assert not trace.exists()


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ("", "nothing there"),
        ("rsi(period=14", "cannot read"),
        ("risk", "nothing is called risk"),
        ("close; close", "close is there twice"),
        ("rsi(period=0)", "period: from 1"),
        ("macd.histogrm", "did you mean histogram"),
    ],
)
def test_a_wrong_input_is_named(inputs: str, said: str) -> None:
    with pytest.raises(InvalidParameterError, match=said.replace("(", r"\(")):
        ModelStrategy(Weighs(), inputs)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("none.onnx", "cannot read none.onnx: No such file"),
        ("model.txt", "a file ending in .onnx, .joblib, .pkl"),
    ],
)
def test_a_file_that_is_none_is_named(model: str, said: str) -> None:
    with pytest.raises(InvalidParameterError, match=said):
        ModelStrategy(model)


def test_an_object_without_predict_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps({"weights": [1]}))
    digest = sha256(path.read_bytes()).hexdigest()
    with pytest.raises(InvalidParameterError, match="holds a dict, which has no predict"):
        ModelStrategy(str(path), digest=digest)


def test_thresholds_that_overlap_are_refused() -> None:
    with pytest.raises(InvalidParameterError, match="sell_below: below buy_above"):
        ModelStrategy(Weighs(), buy_above=0.1, sell_below=0.1)


def test_a_model_in_no_file_cannot_be_written_down() -> None:
    with pytest.raises(InvalidParameterError, match="this Weighs is in no file: save it"):
        ModelStrategy(Weighs()).parameters()


class Rambles:
    def predict(self, matrix: Any) -> Any:
        return [["up"]] * len(matrix)


def test_a_prediction_that_is_no_number_is_named() -> None:
    with pytest.raises(StrategyAnswerError, match="one number a row"):
        signals_of(ModelStrategy(Rambles(), "close"), BARS)


def test_a_model_in_onnx_says_what_it_said_before(tmp_path: Path) -> None:
    from skl2onnx import to_onnx  # type: ignore[import-untyped]  # noqa: PLC0415 - as below
    from sklearn.tree import (  # noqa: PLC0415 - slow to import
        DecisionTreeClassifier,
    )

    matrix = np.column_stack([BARS.close, BARS.volume]).astype(np.float32)
    rises = np.sign(np.append(np.diff(BARS.close), 0.0)).astype(int)
    model = DecisionTreeClassifier(max_depth=4, random_state=0).fit(matrix, rises)
    path = tmp_path / "tree.onnx"
    path.write_bytes(to_onnx(model, matrix[:1]).SerializeToString())
    parameters = {
        "model": str(path),
        "inputs": "close; volume",
        "buy_above": "1",
        "sell_below": "-1",
    }
    strategy = StrategyRegistry.create("ML_MODEL", parameters)
    said = signals_of(strategy, BARS)
    assert said.tolist() == model.predict(matrix).tolist()
    assert asked(strategy.watch("X", CONTEXT), ROWS) == said.tolist()
    assert strategy.parameters()["digest"] == sha256(path.read_bytes()).hexdigest()
