"""Fewer points, the same picture: what no screen can show is left out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from traderbot.infrastructure.compute.arrays import FloatArray

Bars = npt.NDArray[np.intp]


def thinned(values: FloatArray, columns: int) -> Bars:
    """Return the bars to draw: of each column of bars the first, lowest, highest and last.

    A line through them covers the same pixels as a line through all, if a column is a pixel.

    Source:
        U. Jugel et al., "M4: A Visualization-Oriented Time Series Data Aggregation", PVLDB 7(10),
        2014.
    """
    if values.size <= 4 * columns:
        return np.arange(values.size)
    edges = np.linspace(0, values.size, columns + 1).astype(np.intp)
    kept = [edges[:-1], edges[1:] - 1]
    for begin, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        part = values[begin:end]
        kept.append(np.array([begin + part.argmin(), begin + part.argmax()], dtype=np.intp))
    return np.unique(np.concatenate(kept))


def sampled(bars: int, count: int) -> Bars:
    """Return at most `count` bars, evenly spread, with the first and the last."""
    if bars <= count:
        return np.arange(bars)
    return np.unique(np.linspace(0, bars - 1, count).astype(np.intp))
