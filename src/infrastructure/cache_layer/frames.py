"""Frames, series and indexes of pandas as plain parts, and back.

Loaded only with the first such value; pandas itself comes with an extra (`traderbot[alpaca]`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped]

from traderbot.infrastructure.cache_layer.errors import (
    UncacheableValueError,
    UnreadableValueError,
)


def frame_parts(value: Any) -> list[Any]:  # noqa: ANN401 - a frame, a series or an index
    """Return what a frame, a series or an index is made of.

    Raises:
        UncacheableValueError: it has several levels, or a dtype such as `category`.
    """
    if isinstance(value, pd.DataFrame):
        columns = [_column(value.iloc[:, i]) for i in range(value.shape[1])]
        return ["frame", _index(value.columns), _index(value.index), columns]
    if isinstance(value, pd.Series):
        return ["series", value.name, _index(value.index), _column(value)]
    return ["index", _index(value)]


def frame_of(parts: list[Any]) -> Any:  # noqa: ANN401 - a frame, a series or an index
    """Return what the parts make."""
    kind, *rest = parts
    if kind == "frame":
        names, index, columns = rest
        rows = _index_of(index)
        made = {i: _series_of(it, rows) for i, it in enumerate(columns)}
        frame = pd.DataFrame(made, index=rows)
        frame.columns = _index_of(names)
        return frame
    if kind == "series":
        name, index, column = rest
        return _series_of(column, _index_of(index)).rename(name)
    if kind == "index":
        return _index_of(rest[0])
    msg = "this is no part of a frame"
    raise UnreadableValueError(msg)


def _index(index: pd.Index[Any]) -> list[Any]:
    if isinstance(index, pd.MultiIndex):
        msg = "an index of several levels cannot be kept in Redis: reset it first"
        raise UncacheableValueError(msg)
    if isinstance(index, pd.RangeIndex):
        return ["range", index.name, index.start, index.stop, index.step]
    every = getattr(index, "freqstr", None)
    return ["values", index.name, every, _column(pd.Series(index))]


def _index_of(parts: list[Any]) -> Any:  # noqa: ANN401 - some index
    kind, name, *rest = parts
    if kind == "range":
        return pd.RangeIndex(*rest, name=name)
    every, column = rest
    index = pd.Index(_series_of(column, None), name=name)
    if every is not None and isinstance(index, pd.DatetimeIndex):
        index = pd.DatetimeIndex(index, freq=every, name=name)
    return index


def _column(series: pd.Series[Any]) -> list[Any]:
    dtype = series.dtype
    if isinstance(dtype, np.dtype):
        if dtype.kind != "O":
            return ["array", series.to_numpy()]
        return ["objects", "object", series.tolist()]
    if isinstance(dtype, pd.DatetimeTZDtype):
        utc = series.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
        return ["zoned", str(dtype.tz), utc]
    if isinstance(dtype, pd.StringDtype) or str(dtype) in _NULLABLE:
        values = [None if it is pd.NA or it != it else it for it in series.tolist()]  # noqa: PLR0124
        return ["objects", str(dtype), values]
    msg = f"a column of {dtype} cannot be kept in Redis: convert it first"
    raise UncacheableValueError(msg)


def _series_of(parts: list[Any], index: Any) -> pd.Series[Any]:  # noqa: ANN401 - some index
    kind, *rest = parts
    if kind == "array":
        return pd.Series(rest[0].copy(), index=index)
    if kind == "zoned":
        zone, utc = rest
        instants = pd.Series(utc.copy(), index=index)
        return instants.dt.tz_localize("UTC").dt.tz_convert(zone)
    if kind == "objects":
        dtype, values = rest
        return pd.Series(values, index=index, dtype=dtype)
    msg = "this is no column of a frame"
    raise UnreadableValueError(msg)


_NULLABLE = frozenset(
    {"boolean", *(f"{sign}Int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64))}
    | {"Float32", "Float64"}
)
