"""Reading a trained model from a file, and only the very file that was meant."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy.typing as npt

from traderbot.domain.strategies.errors import InvalidParameterError
from traderbot.infrastructure.compute.arrays import FloatArray

_INSTALL = 'install it: pip install "traderbot-platform[ml]"'


class Predictor(Protocol):
    """What a model must be able to do, as those of scikit-learn are."""

    def predict(self, matrix: FloatArray) -> npt.ArrayLike:
        """Return one number for each row; a column is a feature."""
        ...


def read_model(path: Path, digest: str) -> tuple[Predictor, str]:
    """Return the model of a file, and the SHA-256 of the file in hex.

    Args:
        path: `.onnx`, `.joblib` or `.pkl`.
        digest: what it must be; empty for an ONNX file that is used for the first time. The other
            two are programs that run when they are read, so they are read only if it is given.

    Raises:
        InvalidParameterError: no such file or kind, another digest, or it cannot be read.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        known = ", ".join(_READERS)
        raise InvalidParameterError("model", f"a file ending in {known}, not {str(path)!r:.200}")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidParameterError("model", f"cannot read {path}: {error.strerror}") from error
    found = sha256(content).hexdigest()
    if not digest and path.suffix.lower() != ".onnx":
        raise InvalidParameterError(
            "digest",
            f"{path.name} is a program that runs when it is read: if you made it, or trust who "
            f"did, give its SHA-256, which is {found}",
        )
    if digest and digest != found:
        raise InvalidParameterError(
            "digest",
            f"{path.name} is another file than the one meant: its SHA-256 is {found}, not {digest}",
        )
    try:
        model = reader(content)
    except ImportError as error:
        raise InvalidParameterError("model", f"{error.name} is not there; {_INSTALL}") from error
    except Exception as error:
        reason = f"{path.name} cannot be read: {type(error).__name__}: {error}"
        raise InvalidParameterError("model", reason) from error
    if not callable(getattr(model, "predict", None)):
        raise InvalidParameterError(
            "model", f"{path.name} holds a {type(model).__name__}, which has no predict"
        )
    return model, found


def _onnx(content: bytes) -> Predictor:
    made: Predictor = import_module("traderbot.infrastructure.models.onnx_model").OnnxModel(content)
    return made


def _joblib(content: bytes) -> Any:  # noqa: ANN401 - whatever somebody trained
    from io import BytesIO  # noqa: PLC0415 - with what needs it

    return import_module("joblib").load(BytesIO(content))


_READERS: Mapping[str, Callable[[bytes], Any]] = {
    ".onnx": _onnx,
    ".joblib": _joblib,
    ".pkl": pickle.loads,
}
